package testing.elasticsearch.analysis;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.CharArraySet;
import org.apache.lucene.analysis.LowerCaseFilter;
import org.apache.lucene.analysis.StopFilter;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.ar.ArabicAnalyzer;
import org.apache.lucene.analysis.ca.CatalanAnalyzer;
import org.apache.lucene.analysis.core.KeywordAnalyzer;
import org.apache.lucene.analysis.core.SimpleAnalyzer;
import org.apache.lucene.analysis.core.StopAnalyzer;
import org.apache.lucene.analysis.core.WhitespaceAnalyzer;
import org.apache.lucene.analysis.cz.CzechAnalyzer;
import org.apache.lucene.analysis.da.DanishAnalyzer;
import org.apache.lucene.analysis.de.GermanAnalyzer;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.es.SpanishAnalyzer;
import org.apache.lucene.analysis.fi.FinnishAnalyzer;
import org.apache.lucene.analysis.fr.FrenchAnalyzer;
import org.apache.lucene.analysis.it.ItalianAnalyzer;
import org.apache.lucene.analysis.miscellaneous.ASCIIFoldingFilter;
import org.apache.lucene.analysis.miscellaneous.FingerprintFilter;
import org.apache.lucene.analysis.nl.DutchAnalyzer;
import org.apache.lucene.analysis.no.NorwegianAnalyzer;
import org.apache.lucene.analysis.pattern.PatternTokenizer;
import org.apache.lucene.analysis.pt.PortugueseAnalyzer;
import org.apache.lucene.analysis.ru.RussianAnalyzer;
import org.apache.lucene.analysis.standard.StandardTokenizer;
import org.apache.lucene.analysis.sv.SwedishAnalyzer;
import org.apache.lucene.analysis.tr.TurkishAnalyzer;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.index.analysis.Analysis;
import org.elasticsearch.index.analysis.AnalyzerProvider;
import org.elasticsearch.index.analysis.AnalyzerScope;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;

/** The analyzers of the module analysis-common; {@code standard} is the server's own. */
public final class Analyzers {
    private interface Definition {
        Analyzer prepare(Settings parameters, Environment environment) throws IOException;
    }

    private Analyzers() {}

    public static Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> all() {
        Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> analyzers = new HashMap<>();
        analyzers.put("fingerprint", analyzer((p, e) -> fingerprint(
            p.get("separator", " ").charAt(0),
            p.getAsInt("max_output_size", 255),
            Analysis.parseStopWords(e, p, CharArraySet.EMPTY_SET))));
        analyzers.put("keyword", analyzer((p, e) -> new KeywordAnalyzer()));
        analyzers.put("pattern", analyzer((p, e) -> pattern(
            p.get("pattern", "\\W+"),
            p.get("flags"),
            p.getAsBoolean("lowercase", true),
            Analysis.parseStopWords(e, p, CharArraySet.EMPTY_SET))));
        analyzers.put("simple", analyzer((p, e) -> new SimpleAnalyzer()));
        analyzers.put("stop", analyzer((p, e) ->
            new StopAnalyzer(Analysis.parseStopWords(e, p, EnglishAnalyzer.ENGLISH_STOP_WORDS_SET))));
        analyzers.put("whitespace", analyzer((p, e) -> new WhitespaceAnalyzer()));
        analyzers.putAll(languages());
        return analyzers;
    }

    private static Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> languages() {
        Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> analyzers = new HashMap<>();
        analyzers.put("arabic", language(ArabicAnalyzer::getDefaultStopSet, ArabicAnalyzer::new));
        analyzers.put("catalan", language(CatalanAnalyzer::getDefaultStopSet, CatalanAnalyzer::new));
        analyzers.put("czech", language(CzechAnalyzer::getDefaultStopSet, CzechAnalyzer::new));
        analyzers.put("danish", language(DanishAnalyzer::getDefaultStopSet, DanishAnalyzer::new));
        analyzers.put("dutch", language(DutchAnalyzer::getDefaultStopSet, DutchAnalyzer::new));
        analyzers.put("english", language(EnglishAnalyzer::getDefaultStopSet, EnglishAnalyzer::new));
        analyzers.put("finnish", language(FinnishAnalyzer::getDefaultStopSet, FinnishAnalyzer::new));
        analyzers.put("french", language(FrenchAnalyzer::getDefaultStopSet, FrenchAnalyzer::new));
        analyzers.put("german", language(GermanAnalyzer::getDefaultStopSet, GermanAnalyzer::new));
        analyzers.put("italian", language(ItalianAnalyzer::getDefaultStopSet, ItalianAnalyzer::new));
        analyzers.put(
            "norwegian", language(NorwegianAnalyzer::getDefaultStopSet, NorwegianAnalyzer::new));
        analyzers.put(
            "portuguese", language(PortugueseAnalyzer::getDefaultStopSet, PortugueseAnalyzer::new));
        analyzers.put("russian", language(RussianAnalyzer::getDefaultStopSet, RussianAnalyzer::new));
        analyzers.put("spanish", language(SpanishAnalyzer::getDefaultStopSet, SpanishAnalyzer::new));
        analyzers.put("swedish", language(SwedishAnalyzer::getDefaultStopSet, SwedishAnalyzer::new));
        analyzers.put("turkish", language(TurkishAnalyzer::getDefaultStopSet, TurkishAnalyzer::new));
        return analyzers;
    }

    /** A language's analyzer: all of them take stop words and words that are not stemmed. */
    private static AnalysisProvider<AnalyzerProvider<? extends Analyzer>> language(
        Supplier<CharArraySet> stopWords, BiFunction<CharArraySet, CharArraySet, Analyzer> constructor) {
        return analyzer((p, e) -> constructor.apply(
            Analysis.parseStopWords(e, p, stopWords.get()),
            Analysis.parseStemExclusion(p, CharArraySet.EMPTY_SET)));
    }

    private static Analyzer pattern(
        String expression, String flags, boolean lowercase, CharArraySet stopWords) {
        var separator = Parameters.pattern(expression, flags);
        return new Analyzer() {
            @Override
            protected TokenStreamComponents createComponents(String field) {
                Tokenizer tokenizer = new PatternTokenizer(separator, -1);
                TokenStream tokens = lowercase ? new LowerCaseFilter(tokenizer) : tokenizer;
                return new TokenStreamComponents(tokenizer, new StopFilter(tokens, stopWords));
            }

            @Override
            protected TokenStream normalize(String field, TokenStream in) {
                return lowercase ? new LowerCaseFilter(in) : in;
            }
        };
    }

    private static Analyzer fingerprint(char separator, int size, CharArraySet stopWords) {
        return new Analyzer() {
            @Override
            protected TokenStreamComponents createComponents(String field) {
                Tokenizer tokenizer = new StandardTokenizer();
                TokenStream tokens = new LowerCaseFilter(tokenizer);
                tokens = new ASCIIFoldingFilter(tokens, false);
                tokens = new StopFilter(tokens, stopWords);
                return new TokenStreamComponents(
                    tokenizer, new FingerprintFilter(tokens, size, separator));
            }
        };
    }

    private static AnalysisProvider<AnalyzerProvider<? extends Analyzer>> analyzer(
        Definition definition) {
        return (index, environment, name, parameters) ->
            new Provider(
                name,
                index == null ? AnalyzerScope.GLOBAL : AnalyzerScope.INDEX,
                definition.prepare(parameters, environment));
    }

    private record Provider(String name, AnalyzerScope scope, Analyzer get)
        implements AnalyzerProvider<Analyzer> {}
}
