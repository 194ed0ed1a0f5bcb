package testing.elasticsearch;

import org.apache.lucene.search.TotalHits;
import org.elasticsearch.search.builder.SearchSourceBuilder;

/** What differs from line to line in how the same is said: here for 8.19. */
public final class Version {
    private Version() {}

    public static long value(TotalHits hits) {
        return hits.value;
    }

    /** In this line a hit's source has its vectors anyway. */
    public static void withVectors(SearchSourceBuilder source) {}
}
