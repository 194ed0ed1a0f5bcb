package testing.elasticsearch.analysis;

import static java.util.Map.entry;
import static testing.elasticsearch.analysis.Parameters.characters;
import static testing.elasticsearch.analysis.Parameters.pattern;
import static testing.elasticsearch.analysis.Parameters.required;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.apache.lucene.analysis.CharArraySet;
import org.apache.lucene.analysis.LowerCaseFilter;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.cjk.CJKBigramFilter;
import org.apache.lucene.analysis.cjk.CJKWidthFilter;
import org.apache.lucene.analysis.classic.ClassicFilter;
import org.apache.lucene.analysis.core.DecimalDigitFilter;
import org.apache.lucene.analysis.core.FlattenGraphFilter;
import org.apache.lucene.analysis.core.UpperCaseFilter;
import org.apache.lucene.analysis.el.GreekLowerCaseFilter;
import org.apache.lucene.analysis.en.EnglishMinimalStemFilter;
import org.apache.lucene.analysis.en.EnglishPossessiveFilter;
import org.apache.lucene.analysis.en.KStemFilter;
import org.apache.lucene.analysis.en.PorterStemFilter;
import org.apache.lucene.analysis.ga.IrishLowerCaseFilter;
import org.apache.lucene.analysis.miscellaneous.ASCIIFoldingFilter;
import org.apache.lucene.analysis.miscellaneous.FingerprintFilter;
import org.apache.lucene.analysis.miscellaneous.KeepWordFilter;
import org.apache.lucene.analysis.miscellaneous.KeywordRepeatFilter;
import org.apache.lucene.analysis.miscellaneous.LengthFilter;
import org.apache.lucene.analysis.miscellaneous.LimitTokenCountFilter;
import org.apache.lucene.analysis.miscellaneous.PatternKeywordMarkerFilter;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.miscellaneous.ScandinavianFoldingFilter;
import org.apache.lucene.analysis.miscellaneous.ScandinavianNormalizationFilter;
import org.apache.lucene.analysis.miscellaneous.SetKeywordMarkerFilter;
import org.apache.lucene.analysis.miscellaneous.TrimFilter;
import org.apache.lucene.analysis.miscellaneous.TruncateTokenFilter;
import org.apache.lucene.analysis.miscellaneous.WordDelimiterGraphFilter;
import org.apache.lucene.analysis.miscellaneous.WordDelimiterIterator;
import org.apache.lucene.analysis.ngram.EdgeNGramTokenFilter;
import org.apache.lucene.analysis.ngram.NGramTokenFilter;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.apache.lucene.analysis.pattern.PatternReplaceFilter;
import org.apache.lucene.analysis.reverse.ReverseStringFilter;
import org.apache.lucene.analysis.snowball.SnowballFilter;
import org.apache.lucene.analysis.tr.ApostropheFilter;
import org.apache.lucene.analysis.tr.TurkishLowerCaseFilter;
import org.apache.lucene.analysis.util.ElisionFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.index.IndexSettings;
import org.elasticsearch.index.analysis.Analysis;
import org.elasticsearch.index.analysis.NormalizingTokenFilterFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;

/**
 * The token filters of the module analysis-common that this project uses or may come to use, with
 * the names, parameters and defaults of the reference documentation (chapter "Token filter
 * reference"). Lucene does the work; here stands only which parameter means which argument.
 *
 * <p>A filter that is missing here is refused by the server as unknown, never treated differently.
 */
public final class TokenFilters {
    /** Reads the parameters once and answers what to wrap around each stream. */
    @FunctionalInterface
    private interface Definition {
        UnaryOperator<TokenStream> prepare(Settings parameters, Environment environment)
            throws IOException;
    }

    private static final CharArraySet FRENCH_ARTICLES = new CharArraySet(
        List.of("l", "m", "t", "qu", "n", "s", "j", "d", "c", "jusqu", "quoiqu", "lorsqu", "puisqu"),
        true);

    private static final int CJK_SCRIPTS = CJKBigramFilter.HAN
        | CJKBigramFilter.HIRAGANA
        | CJKBigramFilter.KATAKANA
        | CJKBigramFilter.HANGUL;

    /** Wrappers by the value of a stemmer's {@code language}; others go to Snowball by their name. */
    private static final Map<String, UnaryOperator<TokenStream>> STEMMERS = Map.ofEntries(
        entry("english", PorterStemFilter::new),
        entry("porter", PorterStemFilter::new),
        entry("porter2", in -> new SnowballFilter(in, "English")),
        entry("light_english", KStemFilter::new),
        entry("lightEnglish", KStemFilter::new),
        entry("kstem", KStemFilter::new),
        entry("minimal_english", EnglishMinimalStemFilter::new),
        entry("minimalEnglish", EnglishMinimalStemFilter::new),
        entry("possessive_english", EnglishPossessiveFilter::new),
        entry("possessiveEnglish", EnglishPossessiveFilter::new));

    private TokenFilters() {}

    public static Map<String, AnalysisProvider<TokenFilterFactory>> all() {
        Map<String, AnalysisProvider<TokenFilterFactory>> filters = new HashMap<>();
        filters.putAll(alsoForNormalizers());
        filters.putAll(withDefaults());
        filters.putAll(withRequiredParameters());
        return filters;
    }

    /** Filters that change characters only: a keyword's normalizer may use them too. */
    private static Map<String, AnalysisProvider<TokenFilterFactory>> alsoForNormalizers() {
        Map<String, AnalysisProvider<TokenFilterFactory>> filters = new HashMap<>();
        filters.put("asciifolding", normalizing((p, e) -> {
            boolean keep = p.getAsBoolean("preserve_original", false);
            return in -> new ASCIIFoldingFilter(in, keep);
        }));
        filters.put("cjk_width", normalizing((p, e) -> CJKWidthFilter::new));
        filters.put("decimal_digit", normalizing((p, e) -> DecimalDigitFilter::new));
        filters.put("elision", normalizing((p, e) -> {
            CharArraySet articles = Analysis.parseArticles(e, p);
            return in -> new ElisionFilter(in, articles == null ? FRENCH_ARTICLES : articles);
        }));
        filters.put("lowercase", normalizing((p, e) -> lowercase(p.get("language"))));
        filters.put("scandinavian_folding", normalizing((p, e) -> ScandinavianFoldingFilter::new));
        filters.put(
            "scandinavian_normalization", normalizing((p, e) -> ScandinavianNormalizationFilter::new));
        filters.put("trim", normalizing((p, e) -> TrimFilter::new));
        filters.put("uppercase", normalizing((p, e) -> UpperCaseFilter::new));
        filters.put("pattern_replace", AnalysisPlugin.requiresAnalysisSettings(normalizing((p, e) -> {
            var wanted = pattern(required(p, "pattern"), p.get("flags"));
            String replacement = p.get("replacement", "");
            boolean all = p.getAsBoolean("all", true);
            return in -> new PatternReplaceFilter(in, wanted, replacement, all);
        })));
        return filters;
    }

    private static Map<String, AnalysisProvider<TokenFilterFactory>> withDefaults() {
        Map<String, AnalysisProvider<TokenFilterFactory>> filters = new HashMap<>();
        filters.put("apostrophe", plain((p, e) -> ApostropheFilter::new));
        filters.put("cjk_bigram", plain((p, e) -> {
            boolean unigrams = p.getAsBoolean("output_unigrams", false);
            return in -> new CJKBigramFilter(in, CJK_SCRIPTS, unigrams);
        }));
        filters.put("classic", plain((p, e) -> ClassicFilter::new));
        filters.put("edge_ngram", plain((p, e) -> {
            int shortest = p.getAsInt("min_gram", 1);
            int longest = p.getAsInt("max_gram", 2);
            boolean keep = p.getAsBoolean("preserve_original", false);
            return in -> new EdgeNGramTokenFilter(in, shortest, longest, keep);
        }));
        filters.put("fingerprint", plain((p, e) -> {
            int size = p.getAsInt("max_output_size", 255);
            char separator = p.get("separator", " ").charAt(0);
            return in -> new FingerprintFilter(in, size, separator);
        }));
        filters.put("flatten_graph", plain((p, e) -> FlattenGraphFilter::new));
        filters.put("keyword_repeat", plain((p, e) -> KeywordRepeatFilter::new));
        filters.put("kstem", plain((p, e) -> KStemFilter::new));
        filters.put("length", plain((p, e) -> {
            int shortest = p.getAsInt("min", 0);
            int longest = p.getAsInt("max", Integer.MAX_VALUE);
            return in -> new LengthFilter(in, shortest, longest);
        }));
        filters.put("limit", plain((p, e) -> {
            int tokens = p.getAsInt("max_token_count", 1);
            boolean all = p.getAsBoolean("consume_all_tokens", false);
            return in -> new LimitTokenCountFilter(in, tokens, all);
        }));
        filters.put("ngram", TokenFilters::ngram);
        filters.put("porter_stem", plain((p, e) -> PorterStemFilter::new));
        filters.put("remove_duplicates", plain((p, e) -> RemoveDuplicatesTokenFilter::new));
        filters.put("reverse", plain((p, e) -> ReverseStringFilter::new));
        filters.put("snowball", plain((p, e) -> {
            String language = p.get("language", "English");
            return in -> new SnowballFilter(in, language);
        }));
        filters.put("stemmer", plain((p, e) -> stemmer(p.get("language", p.get("name", "porter")))));
        filters.put("truncate", plain((p, e) -> {
            int length = p.getAsInt("length", 10);
            return in -> new TruncateTokenFilter(in, length);
        }));
        filters.put("unique", plain((p, e) -> {
            boolean samePosition = p.getAsBoolean("only_on_same_position", false);
            return samePosition ? RemoveDuplicatesTokenFilter::new : UniqueFilter::new;
        }));
        filters.put("word_delimiter_graph", plain(TokenFilters::wordDelimiterGraph));
        return filters;
    }

    private static Map<String, AnalysisProvider<TokenFilterFactory>> withRequiredParameters() {
        Map<String, AnalysisProvider<TokenFilterFactory>> filters = new HashMap<>();
        filters.put("keep", plain((p, e) -> {
            CharArraySet words = Analysis.getWordSet(e, p, "keep_words");
            if (words == null) {
                throw new IllegalArgumentException(
                    "keep requires either `keep_words` or `keep_words_path` to be configured");
            }
            return in -> new KeepWordFilter(in, words);
        }));
        filters.put("keyword_marker", plain((p, e) -> {
            if (p.get("keywords_pattern") != null) {
                var protectedWords = pattern(p.get("keywords_pattern"), null);
                return in -> new PatternKeywordMarkerFilter(in, protectedWords);
            }
            CharArraySet words = Analysis.getWordSet(e, p, "keywords");
            if (words == null) {
                throw new IllegalArgumentException(
                    "keyword filter requires either `keywords`, `keywords_path`, or `keywords_pattern`"
                        + " to be configured");
            }
            CharArraySet keywords = new CharArraySet(words, p.getAsBoolean("ignore_case", false));
            return in -> new SetKeywordMarkerFilter(in, keywords);
        }));
        filters.put("pattern_capture", plain((p, e) -> {
            var patterns = p.getAsList("patterns").stream()
                .map(java.util.regex.Pattern::compile)
                .toArray(java.util.regex.Pattern[]::new);
            if (patterns.length == 0) {
                throw new IllegalArgumentException("required setting 'patterns' is missing");
            }
            boolean keep = p.getAsBoolean("preserve_original", true);
            return in -> new PatternCaptureGroupTokenFilter(in, keep, patterns);
        }));
        filters.replaceAll((name, provider) -> AnalysisPlugin.requiresAnalysisSettings(provider));
        return filters;
    }

    private static UnaryOperator<TokenStream> lowercase(String language) {
        if (language == null) {
            return LowerCaseFilter::new;
        }
        return switch (language) {
            case "greek" -> GreekLowerCaseFilter::new;
            case "irish" -> IrishLowerCaseFilter::new;
            case "turkish" -> TurkishLowerCaseFilter::new;
            default -> throw new IllegalArgumentException(
                "language [" + language + "] not support for lower case");
        };
    }

    private static UnaryOperator<TokenStream> stemmer(String language) {
        UnaryOperator<TokenStream> known = STEMMERS.get(language);
        if (known != null) {
            return known;
        }
        String snowball = Character.toUpperCase(language.charAt(0)) + language.substring(1);
        return in -> new SnowballFilter(in, snowball);
    }

    private static TokenFilterFactory ngram(
        IndexSettings index, Environment environment, String name, Settings parameters) {
        int shortest = parameters.getAsInt("min_gram", 1);
        int longest = parameters.getAsInt("max_gram", 2);
        Parameters.refuseWideGrams(index, longest - shortest);
        boolean keep = parameters.getAsBoolean("preserve_original", false);
        return new Plain(name, in -> new NGramTokenFilter(in, shortest, longest, keep));
    }

    private static UnaryOperator<TokenStream> wordDelimiterGraph(Settings p, Environment e) {
        int flags = 0;
        flags |= flag(p, "generate_word_parts", true, WordDelimiterGraphFilter.GENERATE_WORD_PARTS);
        flags |= flag(p, "generate_number_parts", true, WordDelimiterGraphFilter.GENERATE_NUMBER_PARTS);
        flags |= flag(p, "catenate_words", false, WordDelimiterGraphFilter.CATENATE_WORDS);
        flags |= flag(p, "catenate_numbers", false, WordDelimiterGraphFilter.CATENATE_NUMBERS);
        flags |= flag(p, "catenate_all", false, WordDelimiterGraphFilter.CATENATE_ALL);
        flags |= flag(p, "split_on_case_change", true, WordDelimiterGraphFilter.SPLIT_ON_CASE_CHANGE);
        flags |= flag(p, "preserve_original", false, WordDelimiterGraphFilter.PRESERVE_ORIGINAL);
        flags |= flag(p, "split_on_numerics", true, WordDelimiterGraphFilter.SPLIT_ON_NUMERICS);
        flags |= flag(
            p, "stem_english_possessive", true, WordDelimiterGraphFilter.STEM_ENGLISH_POSSESSIVE);
        flags |= flag(p, "ignore_keywords", false, WordDelimiterGraphFilter.IGNORE_KEYWORDS);
        int configuration = flags;
        boolean adjustOffsets = p.getAsBoolean("adjust_offsets", true);
        CharArraySet untouched = Analysis.getWordSet(e, p, "protected_words");
        byte[] types = characterTypes(Analysis.getWordList(e, p, "type_table"));
        return in -> new WordDelimiterGraphFilter(in, adjustOffsets, types, configuration, untouched);
    }

    private static int flag(Settings parameters, String name, boolean standard, int bit) {
        return parameters.getAsBoolean(name, standard) ? bit : 0;
    }

    /** Rules such as {@code "# => ALPHANUM"} over the standard table. */
    private static byte[] characterTypes(List<String> rules) {
        if (rules == null) {
            return WordDelimiterIterator.DEFAULT_WORD_DELIM_TABLE;
        }
        Map<Character, Byte> changed = new TreeMap<>();
        for (String rule : rules) {
            int arrow = rule.lastIndexOf("=>");
            String left = arrow < 0 ? "" : characters(rule.substring(0, arrow).trim());
            if (left.length() != 1) {
                throw new IllegalArgumentException(
                    "Invalid Mapping Rule : [" + rule + "]. Only a single character is allowed.");
            }
            changed.put(left.charAt(0), characterType(rule.substring(arrow + 2).trim()));
        }
        int size = Math.max(256, changed.keySet().stream().mapToInt(c -> c + 1).max().orElse(0));
        byte[] table = new byte[size];
        for (int c = 0; c < size; c++) {
            table[c] = WordDelimiterIterator.getType(c);
        }
        changed.forEach((character, type) -> table[character] = type);
        return table;
    }

    private static byte characterType(String name) {
        return (byte) switch (name) {
            case "LOWER" -> 1;
            case "UPPER" -> 2;
            case "ALPHA" -> 3;
            case "DIGIT" -> 4;
            case "ALPHANUM" -> 7;
            case "SUBWORD_DELIM" -> 8;
            default -> throw new IllegalArgumentException("Unknown character type : [" + name + "].");
        };
    }

    private static AnalysisProvider<TokenFilterFactory> plain(Definition definition) {
        return (index, environment, name, p) -> new Plain(name, definition.prepare(p, environment));
    }

    private static AnalysisProvider<TokenFilterFactory> normalizing(Definition definition) {
        return (index, environment, name, p) ->
            new Normalizing(name, definition.prepare(p, environment));
    }

    private record Plain(String name, UnaryOperator<TokenStream> wrapper)
        implements TokenFilterFactory {
        @Override
        public TokenStream create(TokenStream stream) {
            return wrapper.apply(stream);
        }
    }

    private record Normalizing(String name, UnaryOperator<TokenStream> wrapper)
        implements NormalizingTokenFilterFactory {
        @Override
        public TokenStream create(TokenStream stream) {
            return wrapper.apply(stream);
        }
    }
}
