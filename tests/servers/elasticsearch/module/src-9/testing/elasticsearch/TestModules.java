package testing.elasticsearch;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.index.reindex.DeleteByQueryAction;
import org.elasticsearch.index.reindex.ReindexAction;
import org.elasticsearch.index.reindex.UpdateByQueryAction;
import org.elasticsearch.rest.RestHandler;
import testing.elasticsearch.reindex.Actions;
import testing.elasticsearch.reindex.Handlers;
import testing.elasticsearch.root.MainAction;

/** {@link Modules} for the 9.x line. */
public final class TestModules extends Modules {
    @Override
    public Collection<ActionHandler> getActions() {
        return List.of(
            new ActionHandler(MainAction.TYPE, MainAction.class),
            new ActionHandler(ReindexAction.INSTANCE, Actions.Reindex.class),
            new ActionHandler(UpdateByQueryAction.INSTANCE, Actions.UpdateByQuery.class),
            new ActionHandler(DeleteByQueryAction.INSTANCE, Actions.DeleteByQuery.class));
    }

    @Override
    public Collection<RestHandler> getRestHandlers(
        RestHandlersServices services,
        Supplier<DiscoveryNodes> nodes,
        Predicate<NodeFeature> features) {
        List<RestHandler> handlers = new ArrayList<>(Handlers.all(features));
        handlers.add(new MainAction.Handler());
        return handlers;
    }
}
