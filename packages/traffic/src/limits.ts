/** Tries beyond the first that a resource may ask for: more would multiply load on a service that is down. */
export const MAX_RETRIES = 100;

/** Values that the authorization policies of one resource compare requests and connections with, all together. */
export const MAX_POLICY_PATTERNS = 16_384;

/** Sum of the weights of one choice, as Envoy's: the draw stays exact in 32 bits. */
export const MAX_WEIGHT_SUM = 4_294_967_295;

/** Mirrors of one route, and of one of its destinations: a rule of the Gateway API has at most 16 filters. */
export const MAX_MIRRORS = 32;

/** Characters of one regular expression: what people write is far shorter. */
export const MAX_REGEX_LENGTH = 1_024;

/** Instructions of one compiled regular expression: bounds the time per octet of a request. */
export const MAX_REGEX_PROGRAM = 1_024;

/** Expressions of which it is remembered whether they can be used, so that none is compiled again with every change of a route. */
export const REGEX_VERDICTS = 8_192;

/**
 * Octets that the expressions of routes, and of the origins of CORS, look at for one request, times the instructions of each.
 * Up to 50 ns each where it was measured, in one turn of a thread that serves everybody. Within it are 200 expressions of 50
 * instructions on a path of 200 octets, or ten of 50 on a cookie of 4 KiB.
 */
export const MAX_MATCH_STEPS = 2_097_152;

/** Body of an answer that a route gives by itself, bytes of UTF-8, as in Istio. */
export const MAX_DIRECT_RESPONSE_BYTES = 1_048_576;

/** Problems of one resource that an error message lists; the rest is counted. */
export const MAX_LISTED_PROBLEMS = 8;

/** Draws after the first that avoid endpoints which failed the same request, as Istio's host selection attempts. */
export const MAX_REDRAWS = 5;

/**
 * Retries to a cluster that are under way or were in vain in the last seconds (`RETRY_BUDGET_WINDOW_MS`), in percent of its
 * requests, on all data threads together.
 */
export const RETRY_BUDGET_PERCENT = 20;

/**
 * Retries that were in vain in the newest two tenths of the window, in percent of the requests there: when all endpoints fail,
 * this ends retries within the second, and the share above only over the whole of the window.
 */
export const RETRIES_IN_VAIN_PERCENT = 10;

/** When so many of a window's requests were retried in vain, in percent, those under way are taken to be in vain too. */
export const RETRIES_DOUBTED_PERCENT = 2;

/** As many of those are allowed however few requests there are: ten a second. */
export const RETRY_BUDGET_FLOOR = 100;

/** How long requests and retries count for the budget, milliseconds. */
export const RETRY_BUDGET_WINDOW_MS = 10_000;

/** Steps in which a window over the last moments moves on. */
export const ROLLING_BUCKETS = 10;

/** How often one who meets others at the last place under a limit looks again, before it is refused. */
export const MAX_PLACE_RACES = 8;

/** Endpoints of one cluster with outlier detection that are watched; further ones are never ejected. Endpoints. */
export const WATCHED_ENDPOINTS = 1_024;

/** Distributions, shares of one, criteria and regions of the locality preference of one cluster, each. */
export const MAX_LOCALITY_ENTRIES = 256;

/**
 * A rank of endpoints is enough for all requests as long as the share of its endpoints that are in, times this, is no less than one
 * (Envoy's overprovisioning factor).
 */
export const OVERPROVISIONING = 1.4;

/** No ejection is longer, unless the first one is, milliseconds: as Envoy's default. */
export const MAX_EJECTION_MS = 300_000;

/** Places of a hash ring: more are not made, whatever `minimumRingSize` says; 1 MiB of memory on each data thread. */
export const MAX_HASH_RING = 65_536;

/** Places of a Maglev table; Istio's default is the largest one taken. */
export const MAX_MAGLEV_TABLE = 65_537;

/** Places of a hash ring that are made in one turn of a data thread, some half a millisecond. */
export const HASH_BUILD_STEPS = 1_024;

/** Places of a ring or table that one choice looks at for an endpoint that is usable, before it takes any that is. */
export const MAX_HASH_STEPS = 1_024;

/** Characters of the name of a cookie, its path and the names and values of its attributes, each. */
export const MAX_COOKIE_PART = 1_024;

/** Attributes of a cookie that an object may set. */
export const MAX_COOKIE_ATTRIBUTES = 16;

/** Draws for one choice that pass over endpoints which are warming up. */
export const MAX_WARMUP_DRAWS = 32;

/** No delay between tries is longer than this many times its base. */
export const BACKOFF_CAP_FACTOR = 10;

/** Longest deadline, injected delay or time of a connection pool, milliseconds (24.8 days); a longer `grpc-timeout` or time is cut to it, so that timers hold it. */
export const MAX_DEADLINE_MS = 2_147_483_647;

/** Names of one set of header changes, removed, set and added together: the Gateway API has 48. */
export const MAX_HEADER_CHANGES = 128;

/** Octets of the names and values of one set of header changes: a head with them must still be taken by backends and clients. */
export const MAX_HEADER_CHANGE_BYTES = 16_384;

/** Characters of a host: of a name, or of an IPv6 address in brackets. */
export const MAX_HOSTNAME_LENGTH = 255;

/** Characters of a path, or of a part of one, that a resource puts in the place of another. */
export const MAX_PATH_LENGTH = 4_096;

/**
 * Octets that a rewrite by an expression looks at for one request, times the instructions of the expression: each place that
 * fits costs the path behind it. Up to 50 ns each where it was measured. Within it are 30 places of a path of 600 octets for an
 * expression of 100 instructions.
 */
export const MAX_REWRITE_STEPS = 1_048_576;

/** Octets of a path that a rewrite by an expression has made. */
export const MAX_REWRITTEN_PATH = 16_384;

/** Methods, fields and origins of one CORS policy, each. */
export const MAX_CORS_LIST = 256;

/** Names of which the certificate of an endpoint must have one. */
export const MAX_ACCEPTED_NAMES = 64;

/** Characters of the certificates of authorities, and of their revocation lists, of one cluster each. */
export const MAX_TRUST_BYTES = 1_048_576;

/** Characters of one expression of Telemetry. */
export const MAX_EXPRESSION_LENGTH = 1_024;

/** Values and operations of one expression of Telemetry: each is looked at once per request at most. */
export const MAX_EXPRESSION_PARTS = 128;

/** Labels of one metric that Telemetry may set, and that it may take away, each. */
export const MAX_METRIC_LABELS = 16;

/** Characters of a format of access logs, or of one of its labels. */
export const MAX_LOG_FORMAT_CHARACTERS = 8_192;

/** Operators in a format of access logs, or in one of its labels. */
export const MAX_LOG_OPERATORS = 128;

/** Keys of a line of JSON that a format of access logs may have. */
export const MAX_LOG_LABELS = 64;

/** Tags of spans that Telemetry may set for a service. */
export const MAX_TRACE_TAGS = 64;

/** PINGs to endpoints of HTTP/2 are not sent more often, milliseconds; who asks for more gets this. */
export const MIN_HTTP2_PING_INTERVAL_MS = 1_000;

/** Rules of local rate limits that hold for one service: each that matches costs its requests a token. */
export const MAX_RATE_LIMIT_RULES = 32;

/** Values of keys that have a bucket of their own at once, of all rules that hold for one service (32 octets each, in memory that all threads share). */
export const MAX_RATE_LIMIT_KEYS = 65_536;

/** Parts of the key of one rate limit. */
export const MAX_RATE_LIMIT_KEY_PARTS = 4;

/** Characters of a part of a key; of a longer value those count. */
export const MAX_RATE_LIMIT_KEY_LENGTH = 1_024;

/** Requests of one interval of a rate limit. */
export const MAX_RATE_LIMIT_REQUESTS = 1_000_000;

/** Requests that one bucket of a rate limit admits at once. */
export const MAX_RATE_LIMIT_BURST = 1_000_000;

/** Longest interval of a rate limit, and longest time in which an empty bucket fills, milliseconds (31 days). */
export const MAX_RATE_LIMIT_FILL_MS = 2_678_400_000;

/** How long a data thread waits for another one that makes a bucket, milliseconds; then the value uses the shared one. */
export const BUCKET_LOCK_WAIT_MS = 100;

/** Rules for tokens of one resource. */
export const MAX_TOKEN_RULES = 128;

/** Headers, parameters and cookies in which one rule looks for tokens, and headers into which it puts claims, each. */
export const MAX_TOKEN_PLACES = 32;

/** Audiences of one rule for tokens. */
export const MAX_TOKEN_AUDIENCES = 256;

/** Octets of one token; a larger one is not looked at, and refused. */
export const MAX_TOKEN_BYTES = 16_384;

/** Tokens of one request that are looked at; a request with more is refused. */
export const MAX_TOKENS_PER_REQUEST = 4;

/** How far clocks may be apart where a token says from when and until when it is good, seconds: as Envoy's default. */
export const TOKEN_CLOCK_SKEW_SECONDS = 60;

/** Octets of a header that is made of a claim; a claim that would make a longer one is left out. */
export const MAX_CLAIM_HEADER_BYTES = 8_192;

/** Octets of one set of public keys, inline or fetched. */
export const MAX_JWKS_BYTES = 262_144;

/** Characters of the URI of a set of public keys, as in Istio's schema. */
export const MAX_KEY_URI_LENGTH = 2_048;

/** External authorizers that the policies of one resource ask. Authorizers. */
export const MAX_AUTHORIZERS = 16;

/** Names of headers, or headers, in one list of an external authorizer. */
export const MAX_AUTHORIZER_HEADERS = 256;

/** Content of one request that an external authorizer may ask to see, octets: what is kept of a request for further tries. */
export const MAX_CHECKED_BODY_BYTES = 1_048_576;

/** Octets of an answer of an external authorizer, without its head; a longer one counts as an error. */
export const MAX_CHECK_ANSWER_BYTES = 262_144;

/** Fields that one answer of an external authorizer may change, set or take away; with more it counts as an error. */
export const MAX_CHECK_ANSWER_FIELDS = 256;
