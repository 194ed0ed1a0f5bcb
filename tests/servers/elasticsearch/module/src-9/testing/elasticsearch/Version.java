package testing.elasticsearch;

import org.apache.lucene.search.TotalHits;
import org.elasticsearch.search.builder.SearchSourceBuilder;

/** What differs from line to line in how the same is said: here for 9.x. */
public final class Version {
    private Version() {}

    public static long value(TotalHits hits) {
        return hits.value();
    }

    /** From 9.2 on a hit's source comes without its vectors unless they are asked for. */
    public static void withVectors(SearchSourceBuilder source) {
        source.excludeVectors(false);
    }
}
