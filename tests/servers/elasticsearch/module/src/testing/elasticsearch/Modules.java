package testing.elasticsearch;

import java.util.Collection;
import java.util.Map;
import org.apache.lucene.analysis.Analyzer;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.AnalyzerProvider;
import org.elasticsearch.index.analysis.CharFilterFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.plugins.ScriptPlugin;
import org.elasticsearch.script.ScriptContext;
import org.elasticsearch.script.ScriptEngine;
import testing.elasticsearch.analysis.Analyzers;
import testing.elasticsearch.analysis.CharacterFilters;
import testing.elasticsearch.analysis.TokenFilters;
import testing.elasticsearch.analysis.Tokenizers;
import testing.elasticsearch.painless.Painless;

/**
 * What a server out of published parts lacks and this project needs: the modules analysis-common,
 * lang-painless, reindex and rest-root are in every distribution but in no public registry.
 *
 * <p>The subclass {@code TestModules} adds what is written differently from line to line.
 */
abstract class Modules extends Plugin implements ActionPlugin, AnalysisPlugin, ScriptPlugin {
    @Override
    public Map<String, AnalysisProvider<CharFilterFactory>> getCharFilters() {
        return CharacterFilters.all();
    }

    @Override
    public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        return Tokenizers.all();
    }

    @Override
    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        return TokenFilters.all();
    }

    @Override
    public Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> getAnalyzers() {
        return Analyzers.all();
    }

    @Override
    public ScriptEngine getScriptEngine(
        Settings settings, Collection<ScriptContext<?>> contexts) {
        return Painless.engine(settings, contexts);
    }
}
