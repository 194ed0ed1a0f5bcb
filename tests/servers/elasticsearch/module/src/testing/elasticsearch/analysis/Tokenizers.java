package testing.elasticsearch.analysis;

import static testing.elasticsearch.analysis.Parameters.characters;
import static testing.elasticsearch.analysis.Parameters.required;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.classic.ClassicTokenizer;
import org.apache.lucene.analysis.core.KeywordTokenizer;
import org.apache.lucene.analysis.core.LetterTokenizer;
import org.apache.lucene.analysis.core.WhitespaceTokenizer;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.ngram.EdgeNGramTokenizer;
import org.apache.lucene.analysis.ngram.NGramTokenizer;
import org.apache.lucene.analysis.path.PathHierarchyTokenizer;
import org.apache.lucene.analysis.path.ReversePathHierarchyTokenizer;
import org.apache.lucene.analysis.pattern.PatternTokenizer;
import org.apache.lucene.analysis.pattern.SimplePatternSplitTokenizer;
import org.apache.lucene.analysis.pattern.SimplePatternTokenizer;
import org.apache.lucene.analysis.util.CharTokenizer;
import org.apache.lucene.util.AttributeFactory;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;

/** The tokenizers of the module analysis-common; {@code standard} is the server's own. */
public final class Tokenizers {
    private interface Definition {
        Supplier<Tokenizer> prepare(Settings parameters);
    }

    private static final int LONGEST_TOKEN = 255;

    private Tokenizers() {}

    public static Map<String, AnalysisProvider<TokenizerFactory>> all() {
        Map<String, AnalysisProvider<TokenizerFactory>> tokenizers = new HashMap<>();
        tokenizers.put("classic", tokenizer(p -> {
            int longest = p.getAsInt("max_token_length", LONGEST_TOKEN);
            return () -> {
                ClassicTokenizer created = new ClassicTokenizer();
                created.setMaxTokenLength(longest);
                return created;
            };
        }));
        tokenizers.put("char_group", AnalysisPlugin.requiresAnalysisSettings(tokenizer(p -> {
            IntPredicate separator = anyOf(p.getAsList("tokenize_on_chars"));
            return () -> CharTokenizer.fromSeparatorCharPredicate(separator);
        })));
        tokenizers.put("edge_ngram", tokenizer(p -> {
            int shortest = p.getAsInt("min_gram", 1);
            int longest = p.getAsInt("max_gram", 2);
            IntPredicate tokenCharacters = tokenCharacters(p);
            return () -> new EdgeNGramTokenizer(shortest, longest) {
                @Override
                protected boolean isTokenChar(int character) {
                    return tokenCharacters.test(character);
                }
            };
        }));
        tokenizers.put("keyword", tokenizer(p -> {
            int buffer = p.getAsInt("buffer_size", 256);
            return () -> new KeywordTokenizer(buffer);
        }));
        tokenizers.put("letter", tokenizer(p -> LetterTokenizer::new));
        tokenizers.put("ngram", (index, environment, name, p) -> {
            int shortest = p.getAsInt("min_gram", 1);
            int longest = p.getAsInt("max_gram", 2);
            Parameters.refuseWideGrams(index, longest - shortest);
            IntPredicate tokenCharacters = tokenCharacters(p);
            return TokenizerFactory.newFactory(name, () -> new NGramTokenizer(shortest, longest) {
                @Override
                protected boolean isTokenChar(int character) {
                    return tokenCharacters.test(character);
                }
            });
        });
        tokenizers.put("path_hierarchy", tokenizer(Tokenizers::paths));
        tokenizers.put("pattern", tokenizer(p -> {
            var separator = Parameters.pattern(p.get("pattern", "\\W+"), p.get("flags"));
            int group = p.getAsInt("group", -1);
            return () -> new PatternTokenizer(separator, group);
        }));
        tokenizers.put("simple_pattern", AnalysisPlugin.requiresAnalysisSettings(tokenizer(p -> {
            String pattern = required(p, "pattern");
            return () -> new SimplePatternTokenizer(pattern);
        })));
        tokenizers.put("simple_pattern_split", AnalysisPlugin.requiresAnalysisSettings(tokenizer(p -> {
            String pattern = required(p, "pattern");
            return () -> new SimplePatternSplitTokenizer(pattern);
        })));
        tokenizers.put("uax_url_email", tokenizer(p -> {
            int longest = p.getAsInt("max_token_length", LONGEST_TOKEN);
            return () -> {
                UAX29URLEmailTokenizer created = new UAX29URLEmailTokenizer();
                created.setMaxTokenLength(longest);
                return created;
            };
        }));
        tokenizers.put("whitespace", tokenizer(p -> {
            int longest = p.getAsInt("max_token_length", LONGEST_TOKEN);
            return () -> new WhitespaceTokenizer(
                AttributeFactory.DEFAULT_ATTRIBUTE_FACTORY, longest);
        }));
        return tokenizers;
    }

    private static Supplier<Tokenizer> paths(Settings p) {
        int buffer = p.getAsInt("buffer_size", 1024);
        String separator = p.get("delimiter", "/");
        if (separator.length() != 1) {
            throw new IllegalArgumentException("delimiter must be a one char value");
        }
        char delimiter = separator.charAt(0);
        char replacement = p.get("replacement", separator).charAt(0);
        int skip = p.getAsInt("skip", 0);
        return p.getAsBoolean("reverse", false)
            ? () -> new ReversePathHierarchyTokenizer(buffer, delimiter, replacement, skip)
            : () -> new PathHierarchyTokenizer(buffer, delimiter, replacement, skip);
    }

    /** Which characters a gram may hold: all of them unless {@code token_chars} says otherwise. */
    private static IntPredicate tokenCharacters(Settings p) {
        List<IntPredicate> classes = new ArrayList<>();
        for (String name : p.getAsList("token_chars")) {
            if (name.equals("custom")) {
                String custom = required(p, "custom_token_chars");
                classes.add(c -> custom.indexOf(c) >= 0);
                continue;
            }
            IntPredicate known = Parameters.characterClass(name);
            if (known == null) {
                throw new IllegalArgumentException("Unknown token type: '" + name + "'");
            }
            classes.add(known);
        }
        return classes.isEmpty() ? c -> true : c -> classes.stream().anyMatch(known -> known.test(c));
    }

    /** Class names or single characters, as {@code tokenize_on_chars} lists them. */
    private static IntPredicate anyOf(List<String> separators) {
        List<IntPredicate> tests = new ArrayList<>();
        for (String separator : separators) {
            IntPredicate known = Parameters.characterClass(separator);
            String character = characters(separator);
            if (known == null && character.length() != 1) {
                throw new IllegalArgumentException("Invalid escaped char in [" + separator + "]");
            }
            tests.add(known == null ? c -> c == character.charAt(0) : known);
        }
        return c -> tests.stream().anyMatch(test -> test.test(c));
    }

    private static AnalysisProvider<TokenizerFactory> tokenizer(Definition definition) {
        return (index, environment, name, parameters) ->
            TokenizerFactory.newFactory(name, definition.prepare(parameters));
    }
}
