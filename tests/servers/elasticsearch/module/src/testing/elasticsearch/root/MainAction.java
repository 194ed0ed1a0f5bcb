package testing.elasticsearch.root;

import java.io.IOException;
import java.util.List;
import org.apache.lucene.util.Version;
import org.elasticsearch.Build;
import org.elasticsearch.action.ActionListener;
import org.elasticsearch.action.ActionRequest;
import org.elasticsearch.action.ActionRequestValidationException;
import org.elasticsearch.action.ActionResponse;
import org.elasticsearch.action.ActionType;
import org.elasticsearch.action.support.ActionFilters;
import org.elasticsearch.action.support.TransportAction;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.io.stream.StreamOutput;
import org.elasticsearch.common.util.concurrent.EsExecutors;
import org.elasticsearch.injection.guice.Inject;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.rest.action.RestBuilderListener;
import org.elasticsearch.tasks.Task;
import org.elasticsearch.transport.TransportService;
import org.elasticsearch.xcontent.XContentBuilder;

/**
 * {@code GET /}, the answer that tells a client which version it talks to (module rest-root).
 *
 * <p>It is an action and not only a handler because a user needs the privilege {@code
 * cluster:monitor/main} for it when security is on.
 */
public final class MainAction extends TransportAction<MainAction.Request, MainAction.Response> {
    public static final ActionType<Response> TYPE = new ActionType<>("cluster:monitor/main");

    private final ClusterService clusterService;

    @Inject
    public MainAction(
        TransportService transport, ActionFilters filters, ClusterService clusterService) {
        super(TYPE.name(), filters, transport.getTaskManager(), EsExecutors.DIRECT_EXECUTOR_SERVICE);
        this.clusterService = clusterService;
    }

    @Override
    protected void doExecute(Task task, Request request, ActionListener<Response> listener) {
        var state = clusterService.state();
        listener.onResponse(new Response(
            clusterService.getNodeName(),
            state.getClusterName().value(),
            state.metadata().clusterUUID()));
    }

    static final class Request extends ActionRequest {
        @Override
        public ActionRequestValidationException validate() {
            return null;
        }
    }

    static final class Response extends ActionResponse {
        private final String node;
        private final String cluster;
        private final String clusterId;

        Response(String node, String cluster, String clusterId) {
            this.node = node;
            this.cluster = cluster;
            this.clusterId = clusterId;
        }

        @Override
        public void writeTo(StreamOutput out) {
            throw new UnsupportedOperationException("answered by the node that was asked");
        }

        void describe(XContentBuilder json) throws IOException {
            Build build = Build.current();
            json.startObject();
            json.field("name", node);
            json.field("cluster_name", cluster);
            json.field("cluster_uuid", clusterId);
            json.startObject("version");
            json.field("number", build.qualifiedVersion());
            json.field("build_flavor", build.flavor());
            json.field("build_type", build.type().displayName());
            json.field("build_hash", build.hash());
            json.field("build_date", build.date());
            json.field("build_snapshot", build.isSnapshot());
            json.field("lucene_version", Version.LATEST.toString());
            json.field("minimum_wire_compatibility_version", build.minWireCompatVersion());
            json.field("minimum_index_compatibility_version", build.minIndexCompatVersion());
            json.endObject();
            json.field("tagline", "You Know, for Search");
            json.endObject();
        }
    }

    /** {@code GET /} and {@code HEAD /}. */
    public static final class Handler extends BaseRestHandler {
        @Override
        public String getName() {
            return "main_action";
        }

        @Override
        public List<Route> routes() {
            return List.of(
                new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest http, NodeClient client) {
            return channel ->
                client.execute(TYPE, new Request(), new RestBuilderListener<>(channel) {
                    @Override
                    public RestResponse buildResponse(Response response, XContentBuilder json)
                        throws IOException {
                        // The real answer is indented unless told otherwise.
                        if (http.hasParam("pretty") == false) {
                            json.prettyPrint().lfAtEnd();
                        }
                        response.describe(json);
                        return new RestResponse(RestStatus.OK, json);
                    }
                });
        }
    }
}
