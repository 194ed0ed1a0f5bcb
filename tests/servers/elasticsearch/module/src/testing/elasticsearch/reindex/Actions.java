package testing.elasticsearch.reindex;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import org.elasticsearch.action.ActionListener;
import org.elasticsearch.action.ActionType;
import org.elasticsearch.action.DocWriteRequest;
import org.elasticsearch.action.delete.DeleteRequest;
import org.elasticsearch.action.index.IndexRequest;
import org.elasticsearch.action.support.ActionFilters;
import org.elasticsearch.action.support.IndicesOptions;
import org.elasticsearch.action.support.TransportAction;
import org.elasticsearch.client.internal.Client;
import org.elasticsearch.client.internal.ParentTaskAssigningClient;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.util.concurrent.EsExecutors;
import org.elasticsearch.index.VersionType;
import org.elasticsearch.index.reindex.AbstractBulkByPaginatedSearchRequest;
import org.elasticsearch.index.reindex.BulkByPaginatedSearchResponse;
import org.elasticsearch.index.reindex.BulkByPaginatedSearchTask;
import org.elasticsearch.index.reindex.DeleteByQueryAction;
import org.elasticsearch.index.reindex.DeleteByQueryRequest;
import org.elasticsearch.index.reindex.ReindexAction;
import org.elasticsearch.index.reindex.ReindexRequest;
import org.elasticsearch.index.reindex.UpdateByQueryAction;
import org.elasticsearch.index.reindex.UpdateByQueryRequest;
import org.elasticsearch.injection.guice.Inject;
import org.elasticsearch.script.CtxMap;
import org.elasticsearch.script.Metadata;
import org.elasticsearch.script.ReindexMetadata;
import org.elasticsearch.script.ReindexScript;
import org.elasticsearch.script.Script;
import org.elasticsearch.script.ScriptService;
import org.elasticsearch.script.UpdateByQueryMetadata;
import org.elasticsearch.script.UpdateByQueryScript;
import org.elasticsearch.search.SearchHit;
import org.elasticsearch.tasks.Task;
import org.elasticsearch.threadpool.ThreadPool;
import org.elasticsearch.transport.TransportService;

/** The three actions of the module reindex, under the names the server's own code calls them by. */
public final class Actions {
    private Actions() {}

    /** What an action is made of, as the server injects it. */
    public static final class Services {
        private final Client client;
        private final ThreadPool threads;
        private final ScriptService scripts;
        private final ClusterService cluster;
        private final IndexNameExpressionResolver names;

        @Inject
        public Services(
            Client client,
            ThreadPool threads,
            ScriptService scripts,
            ClusterService cluster,
            IndexNameExpressionResolver names) {
            this.client = client;
            this.threads = threads;
            this.scripts = scripts;
            this.cluster = cluster;
            this.names = names;
        }
    }

    abstract static class ByQuery<Request extends AbstractBulkByPaginatedSearchRequest<Request>>
        extends TransportAction<Request, BulkByPaginatedSearchResponse> {
        protected final Services services;

        ByQuery(
            ActionType<BulkByPaginatedSearchResponse> type,
            TransportService transport,
            ActionFilters filters,
            Services services) {
            super(type.name(), filters, transport.getTaskManager(), EsExecutors.DIRECT_EXECUTOR_SERVICE);
            this.services = services;
        }

        /** Checks the request and answers what to do with each hit. */
        abstract Batches.Writer writer(Request request);

        @Override
        protected void doExecute(
            Task task, Request request, ActionListener<BulkByPaginatedSearchResponse> listener) {
            BulkByPaginatedSearchTask watched = (BulkByPaginatedSearchTask) task;
            watched.setWorker(request.getRequestsPerSecond(), null);
            Batches.Writer writer = writer(request);
            // The parent's id on every step lets a cancelled task take its searches with it.
            ParentTaskAssigningClient client = new ParentTaskAssigningClient(
                services.client, services.cluster.localNode(), task);
            Batches batches = new Batches(client, services.threads, request, watched, writer);
            services.threads.generic().execute(() -> {
                BulkByPaginatedSearchResponse response;
                try {
                    response = batches.run();
                } catch (Exception e) {
                    listener.onFailure(e);
                    return;
                }
                listener.onResponse(response);
            });
        }
    }

    public static final class Reindex extends ByQuery<ReindexRequest> {
        @Inject
        public Reindex(TransportService transport, ActionFilters filters, Services services) {
            super(ReindexAction.INSTANCE, transport, filters, services);
        }

        @Override
        Batches.Writer writer(ReindexRequest request) {
            if (request.getRemoteInfo() != null) {
                throw new IllegalArgumentException("this test server does not reindex from remote");
            }
            refuseOwnSource(request);
            IndexRequest destination = request.getDestination();
            boolean external = destination.versionType() != VersionType.INTERNAL;
            request.getSearchRequest().source().version(external);
            Script script = request.getScript();
            ReindexScript.Factory factory = script == null
                ? null
                : services.scripts.compile(script, ReindexScript.CONTEXT);
            LongSupplier clock = services.threads::absoluteTimeInMillis;
            return hit -> {
                IndexRequest write = new IndexRequest(destination.index()).id(hit.getId());
                write.versionType(destination.versionType());
                if (external) {
                    write.version(hit.getVersion());
                }
                write.opType(destination.opType());
                write.setPipeline(destination.getPipeline());
                write.setRequireAlias(destination.isRequireAlias());
                write.routing(routing(destination.routing(), hit));
                if (factory == null) {
                    return write.source(hit.getSourceRef(), Sources.type(hit));
                }
                ReindexMetadata metadata = new ReindexMetadata(
                    destination.index(),
                    hit.getId(),
                    external ? hit.getVersion() : null,
                    write.routing(),
                    "index",
                    clock.getAsLong());
                CtxMap<ReindexMetadata> context = new CtxMap<>(hit.getSourceAsMap(), metadata);
                factory.newInstance(script.getParams(), context).execute();
                if (metadata.indexChanged() || metadata.idChanged()) {
                    write.index(metadata.getIndex()).id(metadata.getId());
                }
                write.routing(metadata.getRouting());
                return scripted(metadata, context.getSource(), write);
            };
        }

        private void refuseOwnSource(ReindexRequest request) {
            var state = services.cluster.state();
            List<String> sources = Arrays.asList(
                services.names.concreteIndexNames(state, request.getSearchRequest()));
            String target = request.getDestination().index();
            for (String index : services.names.concreteIndexNames(
                state, IndicesOptions.lenientExpandOpen(), target)) {
                if (sources.contains(index)) {
                    throw Sources.invalid(
                        "reindex cannot write into an index its reading from [" + target + "]");
                }
            }
        }

        private static String routing(String wanted, SearchHit hit) {
            if (wanted == null || wanted.equals("keep")) {
                return Sources.routing(hit);
            }
            if (wanted.equals("discard")) {
                return null;
            }
            if (wanted.startsWith("=")) {
                return wanted.substring(1);
            }
            throw new IllegalArgumentException("Unsupported routing command");
        }
    }

    public static final class UpdateByQuery extends ByQuery<UpdateByQueryRequest> {
        @Inject
        public UpdateByQuery(TransportService transport, ActionFilters filters, Services services) {
            super(UpdateByQueryAction.INSTANCE, transport, filters, services);
        }

        @Override
        Batches.Writer writer(UpdateByQueryRequest request) {
            request.getSearchRequest().source().seqNoAndPrimaryTerm(true);
            Script script = request.getScript();
            UpdateByQueryScript.Factory factory = script == null
                ? null
                : services.scripts.compile(script, UpdateByQueryScript.CONTEXT);
            LongSupplier clock = services.threads::absoluteTimeInMillis;
            return hit -> {
                IndexRequest write = new IndexRequest(hit.getIndex()).id(hit.getId());
                write.setIfSeqNo(hit.getSeqNo()).setIfPrimaryTerm(hit.getPrimaryTerm());
                write.setPipeline(request.getPipeline());
                write.routing(Sources.routing(hit));
                if (factory == null) {
                    return write.source(hit.getSourceRef(), Sources.type(hit));
                }
                UpdateByQueryMetadata metadata = new UpdateByQueryMetadata(
                    hit.getIndex(),
                    hit.getId(),
                    hit.getVersion(),
                    write.routing(),
                    "index",
                    clock.getAsLong());
                CtxMap<UpdateByQueryMetadata> context =
                    new CtxMap<>(hit.getSourceAsMap(), metadata);
                factory.newInstance(script.getParams(), context).execute();
                return scripted(metadata, context.getSource(), write);
            };
        }
    }

    public static final class DeleteByQuery extends ByQuery<DeleteByQueryRequest> {
        @Inject
        public DeleteByQuery(TransportService transport, ActionFilters filters, Services services) {
            super(DeleteByQueryAction.INSTANCE, transport, filters, services);
        }

        @Override
        Batches.Writer writer(DeleteByQueryRequest request) {
            request.getSearchRequest().source().seqNoAndPrimaryTerm(true).fetchSource(false);
            return hit -> new DeleteRequest(hit.getIndex(), hit.getId())
                .routing(Sources.routing(hit))
                .setIfSeqNo(hit.getSeqNo())
                .setIfPrimaryTerm(hit.getPrimaryTerm());
        }
    }

    /** What a script left behind: its {@code ctx.op} decides. */
    private static DocWriteRequest<?> scripted(
        Metadata metadata, Map<String, Object> source, IndexRequest write) {
        return switch (metadata.getOp()) {
            case "noop", "none" -> null;
            case "delete" -> new DeleteRequest(write.index(), write.id())
                .routing(write.routing())
                .setIfSeqNo(write.ifSeqNo())
                .setIfPrimaryTerm(write.ifPrimaryTerm());
            default -> write.source(source);
        };
    }
}
