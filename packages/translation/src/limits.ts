/** Bytes of one manifest file. Ten of the largest objects that a Kubernetes API server stores. */
export const MAX_FILE_BYTES = 15_728_640;

/** Bytes of one object as written. The API server's default limit for a request to its store (1.5 MiB). */
export const MAX_OBJECT_BYTES = 1_572_864;

/** YAML nodes of one file after aliases are followed, so that a few lines of nested aliases cannot become millions. */
export const MAX_NODES_PER_FILE = 500_000;

/** Levels of nesting inside one document; Kubernetes objects need less than 30. */
export const MAX_DEPTH = 64;

/** Problems reported for one file; a file with more is as wrong, and the report stays readable. */
export const MAX_PROBLEMS_PER_FILE = 50;

/** Bytes of all annotations of one object, keys and values (as in Kubernetes). */
export const MAX_ANNOTATION_BYTES = 262_144;

/** Characters of foreign text that a message quotes. */
export const MAX_QUOTED_CHARACTERS = 120;

/**
 * Routes of other namespaces that act on one Service, each for the clients of its own: they take room in the waypoint of
 * somebody else. The oldest have it.
 */
export const MAX_CONSUMER_ROUTES_PER_SERVICE = 128;

/** Of them, those of one namespace, so that none takes the room of all. */
export const MAX_CONSUMER_ROUTES_PER_NAMESPACE = 16;

/** Bytes of the specs of routes of other namespaces, as written, once for each port of the Service that they act on. */
export const MAX_CONSUMER_BYTES_PER_SERVICE = 4_194_304;

/** Of them, those of one namespace. */
export const MAX_CONSUMER_BYTES_PER_NAMESPACE = 262_144;

/**
 * Bytes of the authorization policies of one Service or workload, as its waypoint gets them: those of a Gateway or class are told with
 * each of them.
 */
export const MAX_POLICY_BYTES = 262_144;

/** Matches of one VirtualService with those of its delegates; those of both sides are multiplied. */
export const MAX_VIRTUAL_MATCHES = 4_096;

/** Workloads that the matches of one VirtualService list as clients, by their labels. */
export const MAX_SOURCE_WORKLOADS = 262_144;

/** Workloads that the subsets list to which routes of one Service lead, each subset once for each port. */
export const MAX_SUBSET_WORKLOADS = 262_144;

/** Names of endpoints of one namespace that proxies are told of, so that none takes the room of all (`MAX_NAMES` of a proxy). */
export const MAX_ENDPOINT_NAMES_PER_NAMESPACE = 512;

/** Hosts of ServiceEntries of one namespace that get an address of their own, of the 65,534 that there are. */
export const MAX_ALLOCATED_HOSTS_PER_NAMESPACE = 8_192;

/** Ports of one ServiceEntry times its hosts: every endpoint that it selects has each of them. */
export const MAX_ENTRY_PORTS = 4_096;

/** The same times the endpoints that it names itself. */
export const MAX_ENTRY_ENDPOINT_PORTS = 65_536;

/**
 * Bytes of the routes of a VirtualService, and characters of its expressions, up to which they are judged before it is
 * stored. Whoever reaches the admission webhook may ask about as many as they like: a short expression may take two
 * milliseconds, so this is a fifth of a second at most. Beyond it, the object's condition alone tells.
 */
export const MAX_REMARKED_BYTES = 65_536;
export const MAX_REMARKED_EXPRESSION_CHARACTERS = 1_024;
