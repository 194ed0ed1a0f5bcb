package testing.elasticsearch.reindex;

import static org.elasticsearch.rest.RestRequest.Method.POST;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.elasticsearch.action.ActionListener;
import org.elasticsearch.action.ActionType;
import org.elasticsearch.action.bulk.BulkItemResponse;
import org.elasticsearch.action.support.ActiveShardCount;
import org.elasticsearch.action.support.IndicesOptions;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.bytes.BytesReference;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.index.reindex.AbstractBulkByPaginatedSearchRequest;
import org.elasticsearch.index.reindex.BulkByPaginatedSearchResponse;
import org.elasticsearch.index.reindex.DeleteByQueryAction;
import org.elasticsearch.index.reindex.DeleteByQueryRequest;
import org.elasticsearch.index.reindex.PaginatedSearchFailure;
import org.elasticsearch.index.reindex.ReindexAction;
import org.elasticsearch.index.reindex.ReindexRequest;
import org.elasticsearch.index.reindex.UpdateByQueryAction;
import org.elasticsearch.index.reindex.UpdateByQueryRequest;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.rest.action.RestActions;
import org.elasticsearch.rest.action.RestBuilderListener;
import org.elasticsearch.script.Script;
import org.elasticsearch.tasks.Task;
import org.elasticsearch.tasks.TaskId;
import org.elasticsearch.xcontent.ToXContent;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;
import org.elasticsearch.xcontent.json.JsonXContent;

/**
 * {@code _reindex}, {@code _update_by_query} and {@code _delete_by_query} over HTTP.
 *
 * <p>A parameter that is not read here is refused by the server as unrecognised. Without
 * {@code wait_for_completion} the answer is a task id, and the task's end is stored in
 * {@code .tasks} like any other's.
 */
public final class Handlers {
    private Handlers() {}

    public static List<RestHandler> all(Predicate<NodeFeature> features) {
        return List.of(new Reindex(features), new UpdateByQuery(features), new DeleteByQuery(features));
    }

    private abstract static class Handler<Request extends AbstractBulkByPaginatedSearchRequest<Request>>
        extends BaseRestHandler {
        protected final Predicate<NodeFeature> features;
        private final ActionType<BulkByPaginatedSearchResponse> action;
        private final String path;
        private final ToXContent.Params counts;

        Handler(
            Predicate<NodeFeature> features,
            ActionType<BulkByPaginatedSearchResponse> action,
            String path,
            boolean creates,
            boolean updates) {
            this.features = features;
            this.action = action;
            this.path = path;
            this.counts = new ToXContent.MapParams(Map.of(
                "include_created", String.valueOf(creates),
                "include_updated", String.valueOf(updates)));
        }

        abstract Request read(RestRequest http) throws IOException;

        @Override
        public String getName() {
            return path.substring(path.indexOf("/_") + 2) + "_action";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(POST, path));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest http, NodeClient client)
            throws IOException {
            Request request = read(http);
            request.setRefresh(http.paramAsBoolean("refresh", request.isRefresh()));
            request.setTimeout(http.paramAsTime("timeout", request.getTimeout()));
            readSlices(http);
            String shards = http.param("wait_for_active_shards");
            if (shards != null) {
                request.setWaitForActiveShards(ActiveShardCount.parseString(shards));
            }
            float perSecond = http.paramAsFloat("requests_per_second", -1);
            if (perSecond == 0 || (perSecond < 0 && perSecond != -1)) {
                throw new IllegalArgumentException(
                    "[requests_per_second] must be a float greater than 0. Use -1 to disable"
                        + " throttling.");
            }
            request.setRequestsPerSecond(perSecond < 0 ? Float.POSITIVE_INFINITY : perSecond);
            if (http.hasParam("max_docs")) {
                request.setMaxDocs(http.paramAsInt("max_docs", -1));
            }
            if (http.paramAsBoolean("wait_for_completion", true)) {
                return channel -> client.executeLocally(action, request, new Answer(channel, counts));
            }
            request.setShouldStoreResult(true);
            var invalid = request.validate();
            if (invalid != null) {
                throw invalid;
            }
            return channel -> {
                // Both its ends are in the stored result: nothing here has to listen for them.
                Task task = client.executeLocally(action, request, ActionListener.noop());
                try (XContentBuilder json = channel.newBuilder()) {
                    json.startObject();
                    json.field("task", new TaskId(client.getLocalNodeId(), task.getId()).toString());
                    json.endObject();
                    channel.sendResponse(new RestResponse(RestStatus.OK, json));
                }
            };
        }

        private static void readSlices(RestRequest http) {
            String slices = http.param("slices", "1");
            if (slices.equals("auto") == false && Integer.parseInt(slices) < 1) {
                throw new IllegalArgumentException("[slices] must be at least 1");
            }
        }

        /** Reads what these share with a search; answers the script, if the body has one. */
        final Script readSearch(RestRequest http, Request request) throws IOException {
            var search = request.getSearchRequest();
            search.indices(Strings.splitStringByCommaToArray(http.param("index")));
            search.indicesOptions(IndicesOptions.fromRequest(http, search.indicesOptions()));
            if (http.hasParam("routing")) {
                search.routing(http.param("routing"));
            }
            request.setScroll(http.paramAsTime("scroll", request.getScrollTime()));
            request.setConflicts(http.param("conflicts", "abort"));
            Map<String, Object> body = new HashMap<>();
            if (http.hasContent()) {
                try (XContentParser parser = http.contentParser()) {
                    body.putAll(parser.map());
                }
            }
            if (body.containsKey("conflicts")) {
                request.setConflicts(String.valueOf(body.remove("conflicts")));
            }
            if (body.containsKey("max_docs")) {
                request.setMaxDocs(((Number) body.remove("max_docs")).intValue());
            }
            Object script = body.remove("script");
            try (XContentBuilder json = JsonXContent.contentBuilder().map(body);
                XContentParser parser = JsonXContent.jsonXContent.createParser(
                    http.contentParserConfig(), BytesReference.bytes(json).streamInput())) {
                search.source().parseXContent(parser, true, features);
            }
            var query = RestActions.urlParamsToQueryBuilder(http);
            if (query != null) {
                search.source().query(query);
            }
            search.source().size(http.paramAsInt("scroll_size", search.source().size()));
            return script == null ? null : Script.parse(script);
        }
    }

    private static final class Reindex extends Handler<ReindexRequest> {
        Reindex(Predicate<NodeFeature> features) {
            super(features, ReindexAction.INSTANCE, "/_reindex", true, true);
        }

        @Override
        ReindexRequest read(RestRequest http) throws IOException {
            if (http.hasParam("pipeline")) {
                throw new IllegalArgumentException(
                    "_reindex doesn't support [pipeline] as a query parameter. Specify it in the [dest]"
                        + " object instead.");
            }
            ReindexRequest request;
            try (XContentParser parser = http.contentParser()) {
                request = ReindexRequest.fromXContent(parser, features);
            }
            if (http.hasParam("scroll")) {
                request.setScroll(http.paramAsTime("scroll", request.getScrollTime()));
            }
            if (http.hasParam("require_alias")) {
                request.setRequireAlias(http.paramAsBoolean("require_alias", false));
            }
            return request;
        }
    }

    private static final class UpdateByQuery extends Handler<UpdateByQueryRequest> {
        UpdateByQuery(Predicate<NodeFeature> features) {
            super(
                features, UpdateByQueryAction.INSTANCE, "/{index}/_update_by_query", false, true);
        }

        @Override
        UpdateByQueryRequest read(RestRequest http) throws IOException {
            UpdateByQueryRequest request = new UpdateByQueryRequest();
            request.setScript(readSearch(http, request));
            request.setPipeline(http.param("pipeline"));
            return request;
        }
    }

    private static final class DeleteByQuery extends Handler<DeleteByQueryRequest> {
        DeleteByQuery(Predicate<NodeFeature> features) {
            super(
                features, DeleteByQueryAction.INSTANCE, "/{index}/_delete_by_query", false, false);
        }

        @Override
        DeleteByQueryRequest read(RestRequest http) throws IOException {
            DeleteByQueryRequest request = new DeleteByQueryRequest();
            readSearch(http, request);
            return request;
        }
    }

    /** The counts, with the worst status of what failed. */
    private static final class Answer extends RestBuilderListener<BulkByPaginatedSearchResponse> {
        private final ToXContent.Params counts;

        Answer(RestChannel channel, ToXContent.Params counts) {
            super(channel);
            this.counts = counts;
        }

        @Override
        public RestResponse buildResponse(BulkByPaginatedSearchResponse response, XContentBuilder json)
            throws Exception {
            json.startObject();
            response.toXContent(json, counts);
            json.endObject();
            return new RestResponse(status(response), json);
        }

        private static RestStatus status(BulkByPaginatedSearchResponse response) {
            RestStatus worst = response.isTimedOut() ? RestStatus.REQUEST_TIMEOUT : RestStatus.OK;
            for (BulkItemResponse.Failure failure : response.getBulkFailures()) {
                worst = worse(worst, failure.getStatus());
            }
            for (PaginatedSearchFailure failure : response.getSearchFailures()) {
                worst = worse(worst, failure.getStatus());
            }
            return worst;
        }

        private static RestStatus worse(RestStatus one, RestStatus other) {
            return other.getStatus() > one.getStatus() ? other : one;
        }
    }
}
