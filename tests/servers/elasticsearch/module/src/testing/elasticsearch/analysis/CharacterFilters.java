package testing.elasticsearch.analysis;

import static testing.elasticsearch.analysis.Parameters.characters;
import static testing.elasticsearch.analysis.Parameters.required;

import java.io.IOException;
import java.io.Reader;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.apache.lucene.analysis.charfilter.HTMLStripCharFilter;
import org.apache.lucene.analysis.charfilter.MappingCharFilter;
import org.apache.lucene.analysis.charfilter.NormalizeCharMap;
import org.apache.lucene.analysis.pattern.PatternReplaceCharFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.index.analysis.Analysis;
import org.elasticsearch.index.analysis.CharFilterFactory;
import org.elasticsearch.index.analysis.NormalizingCharFilterFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;

/** The character filters of the module analysis-common. */
public final class CharacterFilters {
    private interface Definition {
        UnaryOperator<Reader> prepare(Settings parameters, Environment environment)
            throws IOException;
    }

    private CharacterFilters() {}

    public static Map<String, AnalysisProvider<CharFilterFactory>> all() {
        Map<String, AnalysisProvider<CharFilterFactory>> filters = new HashMap<>();
        filters.put("html_strip", (index, environment, name, p) -> {
            Set<String> kept = Set.copyOf(p.getAsList("escaped_tags"));
            return new Plain(name, in -> new HTMLStripCharFilter(in, kept));
        });
        filters.put("mapping", AnalysisPlugin.requiresAnalysisSettings(normalizing((p, e) -> {
            List<String> rules = Analysis.getWordList(e, p, "mappings");
            if (rules == null) {
                throw new IllegalArgumentException(
                    "mapping requires either `mappings` or `mappings_path` to be configured");
            }
            NormalizeCharMap map = mapping(rules);
            return in -> new MappingCharFilter(map, in);
        })));
        filters.put("pattern_replace", AnalysisPlugin.requiresAnalysisSettings(normalizing((p, e) -> {
            var wanted = Parameters.pattern(required(p, "pattern"), p.get("flags"));
            String replacement = p.get("replacement", "");
            return in -> new PatternReplaceCharFilter(wanted, replacement, in);
        })));
        return filters;
    }

    private static NormalizeCharMap mapping(List<String> rules) {
        NormalizeCharMap.Builder map = new NormalizeCharMap.Builder();
        for (String rule : rules) {
            int arrow = rule.lastIndexOf("=>");
            if (arrow < 0) {
                throw new IllegalArgumentException("Invalid Mapping Rule : [" + rule + "]");
            }
            map.add(
                characters(rule.substring(0, arrow).trim()),
                characters(rule.substring(arrow + 2).trim()));
        }
        return map.build();
    }

    private static AnalysisProvider<CharFilterFactory> normalizing(Definition definition) {
        return (index, environment, name, p) ->
            new Normalizing(name, definition.prepare(p, environment));
    }

    private record Plain(String name, UnaryOperator<Reader> wrapper) implements CharFilterFactory {
        @Override
        public Reader create(Reader text) {
            return wrapper.apply(text);
        }
    }

    private record Normalizing(String name, UnaryOperator<Reader> wrapper)
        implements NormalizingCharFilterFactory {
        @Override
        public Reader create(Reader text) {
            return wrapper.apply(text);
        }
    }
}
