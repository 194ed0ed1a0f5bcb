package org.elasticsearch.script;

import java.time.ZonedDateTime;

/** Gone from the server; the Painless compiler names it where it converts dates, and meets none. */
public final class JodaCompatibleZonedDateTime {
    private JodaCompatibleZonedDateTime() {}

    public ZonedDateTime getZonedDateTime() {
        throw new UnsupportedOperationException("no such date is ever created");
    }
}
