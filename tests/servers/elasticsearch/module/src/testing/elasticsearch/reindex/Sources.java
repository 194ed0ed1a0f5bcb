package testing.elasticsearch.reindex;

import org.elasticsearch.action.ActionRequestValidationException;
import org.elasticsearch.common.xcontent.XContentHelper;
import org.elasticsearch.index.mapper.RoutingFieldMapper;
import org.elasticsearch.search.SearchHit;
import org.elasticsearch.xcontent.XContentType;

/** What is read off a hit, and how a bad request is refused. */
final class Sources {
    private Sources() {}

    static XContentType type(SearchHit hit) {
        if (hit.hasSource() == false) {
            throw new IllegalArgumentException(
                "[" + hit.getIndex() + "][" + hit.getId() + "] didn't store _source");
        }
        return XContentHelper.xContentType(hit.getSourceRef());
    }

    static String routing(SearchHit hit) {
        var field = hit.field(RoutingFieldMapper.NAME);
        return field == null ? null : field.getValue();
    }

    static ActionRequestValidationException invalid(String reason) {
        ActionRequestValidationException error = new ActionRequestValidationException();
        error.addValidationError(reason);
        return error;
    }
}
