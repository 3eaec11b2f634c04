/** How long a connection waits for its pod's certificate, milliseconds. */
export const CERTIFICATE_WAIT = 10_000;

/** How long a connection waits for a policy that is named but has not arrived, milliseconds; then it is denied. */
export const PENDING_POLICY_WAIT = 2_000;

/** How long a TCP connection to an application or a peer may take, milliseconds. */
export const CONNECT_TIMEOUT = 10_000;

/** How many endpoints are tried for one connection before it fails. */
export const CONNECT_ATTEMPTS = 3;

/**
 * The same as long as there are endpoints that did not fail a moment ago: several pods of a rollout end together, and a
 * connection must not fail because it met them first.
 */
export const CONNECT_ATTEMPTS_SOUND = 8;

/**
 * How long a connection waits for news of the mesh, milliseconds, when all known endpoints of a Service refuse it: pods that
 * replace others may be ready and not known yet.
 */
export const ENDPOINT_NEWS_WAIT = 1_000;

/** How often it looks for news, milliseconds. */
export const ENDPOINT_NEWS_LOOK = 50;

/** How long a connection waits for the first answer about the name of its endpoint, milliseconds. */
export const NAME_WAIT = 5_000;

/** How long all attempts for one connection may take together, milliseconds. */
export const CONNECT_BUDGET = 15_000;

/** Connections that wait in one data thread for a certificate or a policy. Further ones are refused. */
export const MAX_WAITING = 4_096;

/**
 * The pause between two looks at the connections that a pod accepted before its enrolment is so many times as long as the
 * look took.
 */
export const DIRECT_LOOK_SHARE = 20;

/** Length of a listener's queue. The kernel caps it at net.core.somaxconn of the pod. */
export const LISTEN_BACKLOG = 4_096;

/** Time a data thread may spend on applying resources in one turn, milliseconds. */
export const APPLY_BUDGET = 1;

/** The same while the thread serves no pod, milliseconds. */
export const APPLY_BUDGET_ALONE = 50;

/** How long an identity is kept after its last pod on the node, milliseconds: connections of that pod may still need it. */
export const IDENTITY_LINGER = 30_000;

/** Queries to upstream resolvers that one data thread has open. Further ones are answered SERVFAIL. */
export const DNS_UPSTREAM_QUERIES = 1_024;

/** How long an upstream resolver may take, milliseconds. */
export const DNS_UPSTREAM_TIMEOUT = 5_000;

/** How long an idle DNS connection over TCP is kept, milliseconds. */
export const DNS_TCP_IDLE = 5_000;

/** A snapshot of the mesh is written at most this often, milliseconds. */
export const SNAPSHOT_INTERVAL = 1_000;

/** And the pause between two is at least so many times as long as the writing took. */
export const SNAPSHOT_WRITING_SHARE = 20;

/** Largest file of a snapshot, bytes: 10,000 pods take 4 MB. What is larger is neither written nor read. */
export const SNAPSHOT_MAX_BYTES: number = 128 << 20;

/** How long a proxy that starts with nothing but a snapshot waits for the controller first, milliseconds: it knows better. */
export const SNAPSHOT_HEAD_START = 2_000;
