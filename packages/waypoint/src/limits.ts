/** From the first octet of a request's head (HTTP/1), or of a connection, to its end. Milliseconds. */
export const HEAD_TIMEOUT_MS = 10_000;

/** A client's connection without a request is closed after this, milliseconds. */
export const DOWNSTREAM_IDLE_MS = 3_600_000;

/** A connection to an endpoint without a request is closed after this, milliseconds. */
export const UPSTREAM_IDLE_MS = 60_000;

/** The same for a connection that was begun with a PROXY header: it is of use for the requests of one client alone. Milliseconds. */
export const PROXIED_IDLE_MS = 5_000;

/** Endpoints of one cluster that are kept connected under different server names or PROXY headers, per data thread; beyond it, the one that was connected first and has no request loses its connections. Endpoints. */
export const ENDPOINT_TRANSPORTS = 1_024;

/** TLS contexts of clusters that are kept ready, per data thread; the oldest is made anew when it is used again. Contexts. */
export const UPSTREAM_TLS_CONTEXTS = 256;

/** HTTP/1 connections without a request that are kept per endpoint and data thread; further ones are closed. Connections. */
export const IDLE_CONNECTIONS_PER_ENDPOINT = 64;

/** A connection that is not there after so long is not waited for by those who come later: another is made beside it, milliseconds. */
export const LATE_DIAL_MS = 1_000;

/** Requests that wait for a connection to one endpoint, per data thread; further ones are answered 503. Requests. */
export const WAITING_REQUESTS_PER_ENDPOINT = 4096;

/** Octets of a request that are kept so that it can be sent again; a larger one is sent once. */
export const REPLAY_BYTES: number = 1 << 20;

/** Endpoints that an opaque connection tries before its client is refused. Endpoints. */
export const OPAQUE_ATTEMPTS = 3;

/** On a port of undeclared protocol: how long a client may stay silent before the server gets its chance to speak first. Milliseconds. */
export const DETECTION_MS = 5;

/** Octets of a client's first words that may be looked at to tell the protocol: the longest method and a space. */
export const DETECTION_BYTES = 24;

/** Octets of an answer that nobody wants any more and that are read all the same, so that its HTTP/1 connection can be used again. */
export const DISCARDED_RESPONSE_BYTES: number = 64 << 10;

/** Octets of a mirrored request that wait for an endpoint to take them; a copy that would need more is given up. As Envoy's default. */
export const MIRROR_BUFFER_BYTES: number = 1 << 20;

/** Octets that all copies under way to one cluster hold, per data thread; the copy that would hold more is given up. */
export const MIRROR_CLUSTER_BYTES: number = 16 << 20;

/** Copies under way to one cluster, per data thread; a request beyond it is not mirrored. Requests. */
export const MIRRORS_PER_CLUSTER = 256;

/** From the end of a request to the end of the answer to its copy, where the route has no timeout, milliseconds: Envoy's default for a route. */
export const MIRROR_TIMEOUT_MS = 15_000;

/** Octets of the answer to a copy that are read and thrown away; then the copy is reset. */
export const MIRROR_RESPONSE_BYTES: number = 16 << 20;

/** Clusters of mirrors counted by name, per data thread; copies for further ones are counted as `unknown`. Clusters. */
export const MIRROR_SERIES = 1024;

/** Content that waits in memory of its own size, not in a buffer, where many requests are under way (bytes). */
export const LITTLE_CONTENT_BYTES = 2_048;

/** How long requests under way that a changed policy forbids may still come to their end, milliseconds; those that have become connections in another protocol are cut at once. */
export const REVOKED_GRACE_MS = 500;

/** Requests that wait for the answer of an external authorizer, per data thread; further ones are answered 503. Requests. */
export const CHECKS_UNDER_WAY = 8_192;

/** Content of requests that external authorizers are shown at a time, per data thread, octets; a request beyond it is answered 503. */
export const CHECKED_BODIES_BYTES: number = 64 << 20;

/** Endpoints of an external authorizer that are tried for one request while none can be reached. Endpoints. */
export const AUTHORIZER_TRIES = 3;

/** External authorizers whose checks are counted by name, per data thread; those of further ones are counted as `unknown`. Authorizers. */
export const AUTHORIZER_SERIES = 256;

/** Time a data thread may spend on applying resources in one turn, milliseconds. */
export const APPLY_BUDGET_MS = 1;

/** How long a waypoint that starts waits for the first answers about names of endpoints before it takes tunnels, milliseconds. */
export const NAMES_HEAD_START_MS = 2_000;

/** How often a request that waits because its cluster has all the connections that it may have looks for one that has ended on another data thread, milliseconds. */
export const CONNECTION_WAIT_LOOK_MS = 10;

/** Clusters whose refused requests are counted by name, per data thread; those of further ones are counted as `unknown`. Clusters. */
export const REFUSAL_SERIES = 1_024;

/** Rules of rate limits whose requests are counted by name, per data thread; those of further ones are counted as `unknown`. Rules. */
export const RATE_LIMIT_SERIES = 1_024;

/** Spans that wait on a data thread for the main thread; further ones are dropped and counted. Spans. */
export const SPANS_GATHERED = 256;

/** Reports of spans that a data thread has sent and the main thread not taken; beyond it spans wait. Reports. */
export const SPAN_REPORTS = 4;

/** Spans that wait for one collector; further ones are dropped and counted. Spans. */
export const SPANS_QUEUED = 8_192;

/** Spans that are sent to a collector at once. Spans. */
export const SPAN_BATCH = 512;

/** How often a batch is sent to a collector that does not answer or says that it is busy; then it is dropped and counted. */
export const SPAN_SEND_ATTEMPTS = 3;

/** From the beginning of a send to the collector's answer, milliseconds. */
export const SPAN_SEND_TIMEOUT_MS = 5_000;

/** How long a waypoint that ends waits for collectors to take the last spans, milliseconds. */
export const SPANS_FAREWELL_MS = 2_000;

/** Collectors that spans are sent to; those for further ones are dropped and counted. Collectors. */
export const TRACE_COLLECTORS = 64;

/** Characters of the value of a tag of a span; a longer one is cut, as by Envoy. */
export const SPAN_TAG_CHARACTERS = 256;

/** Tokens found good that a data thread remembers, so that their signature is checked once; the oldest is forgotten first. Tokens. */
export const TOKENS_REMEMBERED = 4_096;

/** Octets of a token that is remembered; a longer one is checked each time. */
export const REMEMBERED_TOKEN_BYTES = 4_096;

/** Keys that are tried for a token that does not name its own. Keys. */
export const KEYS_TRIED_PER_TOKEN = 8;

/** Requests of a data thread that wait for newer keys of an issuer; further ones are refused. Requests. */
export const REQUESTS_WAITING_FOR_KEYS = 1_024;

/** How long a request waits for newer keys of an issuer, milliseconds. */
export const KEYS_WAIT_MS = 3_000;

/** Sources of public keys (`jwksUri`, issuers) that a waypoint fetches; tokens of further ones are refused. Sources. */
export const JWKS_SOURCE_LIMIT = 256;

/** Public keys of one source that are used; further ones are passed over. Keys. */
export const KEYS_PER_SOURCE = 64;

/** Modulus of an RSA key: a shorter one proves too little, and the key is passed over. Bits. */
export const RSA_BITS_MIN = 2_048;

/** The same: a longer one would cost every check milliseconds. Bits. */
export const RSA_BITS_MAX = 8_192;

/** How often public keys are fetched again, milliseconds: as Istio. Up to a tenth earlier, by chance. */
export const JWKS_REFRESH_MS = 1_200_000;

/** Between an attempt that failed and the next, milliseconds; doubled with each. */
export const JWKS_RETRY_MS = 1_000;

/** No longer than this, milliseconds. */
export const JWKS_RETRY_MAX_MS = 60_000;

/** A token of an unknown key has the keys of its issuer fetched again, but not sooner than this after the last attempt, milliseconds. */
export const JWKS_REFETCH_MS = 5_000;

/** How long keys are used that cannot be fetched again, milliseconds; then tokens of their issuer are refused. */
export const JWKS_AGE_MS = 86_400_000;

/** Redirects within the origin of the keys that are followed. */
export const JWKS_REDIRECTS = 3;
