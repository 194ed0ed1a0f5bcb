package testing.elasticsearch.painless;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.painless.PainlessScriptEngine;
import org.elasticsearch.painless.spi.Whitelist;
import org.elasticsearch.painless.spi.WhitelistLoader;
import org.elasticsearch.script.ScoreScript;
import org.elasticsearch.script.ScriptContext;
import org.elasticsearch.script.ScriptEngine;

/**
 * Scripts in Painless, by the compiler of Elasticsearch 7.10.2: the last one that is published to
 * Maven Central, under the Apache licence.
 *
 * <p>The language of {@code ctx._source} is the same; what later versions added ({@code field()},
 * {@code metadata()}, runtime fields) is not there and fails to compile. Scripts may use the Java
 * classes that 7.10.2 allowed.
 */
public final class Painless {
    private static final String[] JAVA = {
        "java.lang.txt",
        "java.math.txt",
        "java.text.txt",
        "java.time.txt",
        "java.time.chrono.txt",
        "java.time.format.txt",
        "java.time.temporal.txt",
        "java.time.zone.txt",
        "java.util.txt",
        "java.util.function.txt",
        "java.util.regex.txt",
        "java.util.stream.txt",
    };

    private Painless() {}

    public static ScriptEngine engine(Settings settings, Collection<ScriptContext<?>> contexts) {
        Whitelist java = WhitelistLoader.loadFromResourceFiles(Whitelist.class, JAVA);
        Whitelist everywhere = WhitelistLoader.loadFromResourceFiles(Painless.class, "allowed.txt");
        Whitelist inScores =
            WhitelistLoader.loadFromResourceFiles(Painless.class, "allowed-in-scores.txt");
        Map<ScriptContext<?>, List<Whitelist>> byContext = new HashMap<>();
        for (ScriptContext<?> context : contexts) {
            byContext.put(context, List.of(java, everywhere));
        }
        byContext.put(ScoreScript.CONTEXT, List.of(java, everywhere, inScores));
        return new PainlessScriptEngine(settings, byContext);
    }
}
