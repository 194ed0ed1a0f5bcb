package testing.elasticsearch.analysis;

import java.util.List;
import java.util.function.IntPredicate;
import java.util.regex.Pattern;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.IndexSettings;

/** How the parameters of an analysis component are read. */
final class Parameters {
    private Parameters() {}

    static String required(Settings parameters, String name) {
        String value = parameters.get(name);
        if (value == null) {
            throw new IllegalArgumentException("required setting '" + name + "' is missing");
        }
        return value;
    }

    /** A pattern with flags written as {@code "CASE_INSENSITIVE|COMMENTS"}. */
    static Pattern pattern(String expression, String flags) {
        int bits = 0;
        for (String flag : flags == null || flags.isEmpty() ? new String[0] : flags.split("\\|")) {
            bits |= switch (flag.trim()) {
                case "CASE_INSENSITIVE" -> Pattern.CASE_INSENSITIVE;
                case "MULTILINE" -> Pattern.MULTILINE;
                case "DOTALL" -> Pattern.DOTALL;
                case "UNICODE_CASE" -> Pattern.UNICODE_CASE;
                case "CANON_EQ" -> Pattern.CANON_EQ;
                case "UNIX_LINES" -> Pattern.UNIX_LINES;
                case "LITERAL" -> Pattern.LITERAL;
                case "COMMENTS" -> Pattern.COMMENTS;
                case "UNICODE_CHAR_CLASS", "UNICODE_CHARACTER_CLASS" -> Pattern.UNICODE_CHARACTER_CLASS;
                default -> throw new IllegalArgumentException("Unknown regex flag [" + flag + "]");
            };
        }
        return Pattern.compile(expression, bits);
    }

    /** A text in which characters may be written as {@code \t} or {@code \u0020}. */
    static String characters(String written) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < written.length(); i++) {
            char c = written.charAt(i);
            if (c != '\\' || i + 1 == written.length()) {
                text.append(c);
                continue;
            }
            char escaped = written.charAt(++i);
            switch (escaped) {
                case 'n' -> text.append('\n');
                case 't' -> text.append('\t');
                case 'r' -> text.append('\r');
                case 'b' -> text.append('\b');
                case 'f' -> text.append('\f');
                case 'u' -> {
                    text.append((char) Integer.parseInt(written.substring(i + 1, i + 5), 16));
                    i += 4;
                }
                default -> text.append(escaped);
            }
        }
        return text.toString();
    }

    /** A test for one of the character classes that gram and group tokenizers name. */
    static IntPredicate characterClass(String name) {
        return switch (name) {
            case "letter" -> Character::isLetter;
            case "digit" -> Character::isDigit;
            case "whitespace" -> Character::isWhitespace;
            case "punctuation" -> c -> PUNCTUATION.contains(Character.getType(c));
            case "symbol" -> c -> SYMBOLS.contains(Character.getType(c));
            default -> null;
        };
    }

    /** The server limits how far the longest gram may exceed the shortest, per index. */
    static void refuseWideGrams(IndexSettings index, int difference) {
        if (index != null && difference > index.getMaxNgramDiff()) {
            throw new IllegalArgumentException(
                "The difference between max_gram and min_gram in NGram Tokenizer must be less than or"
                    + " equal to: [" + index.getMaxNgramDiff() + "] but was [" + difference
                    + "]. This limit can be set by changing the [index.max_ngram_diff] index level"
                    + " setting.");
        }
    }

    private static final List<Integer> PUNCTUATION = List.of(
        (int) Character.START_PUNCTUATION,
        (int) Character.END_PUNCTUATION,
        (int) Character.OTHER_PUNCTUATION,
        (int) Character.CONNECTOR_PUNCTUATION,
        (int) Character.DASH_PUNCTUATION,
        (int) Character.INITIAL_QUOTE_PUNCTUATION,
        (int) Character.FINAL_QUOTE_PUNCTUATION);

    private static final List<Integer> SYMBOLS = List.of(
        (int) Character.CURRENCY_SYMBOL,
        (int) Character.MATH_SYMBOL,
        (int) Character.OTHER_SYMBOL,
        (int) Character.MODIFIER_SYMBOL);
}
