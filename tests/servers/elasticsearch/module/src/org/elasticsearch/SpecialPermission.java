package org.elasticsearch;

/** Gone from the server together with the security manager; the Painless compiler still asks. */
public final class SpecialPermission {
    private SpecialPermission() {}

    public static void check() {
        // Nothing to check: entitlements took the place of the security manager.
    }
}
