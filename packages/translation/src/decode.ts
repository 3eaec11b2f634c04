import { MAX_OBJECT_BYTES } from './limits.ts';
import { type KindHandling, handlingOf } from './kinds.ts';
import { locatedJson } from './manifest/json.ts';
import { entryOf, type Located, textOf } from './manifest/located.ts';
import type { Plain, PlainObject } from './manifest/plain.ts';
import { type ManifestProblem, NOWHERE, type Position, printable, quoted } from './manifest/problem.ts';
import { parseYaml } from './manifest/yaml.ts';
import { type ManifestObject, objectName } from './objects.ts';
import { checkObject, FindingList } from './schema/check.ts';
import { isDnsLabel, isDnsName } from './schema/formats.ts';
import { checkRelations } from './schema/relations.ts';

/** An object and where it was written. */
export interface DecodedObject {
  readonly object: ManifestObject;
  readonly file: string;
  readonly position: Position;
}

/** An object that is taken and not read. */
export interface IgnoredObject {
  readonly file: string;
  readonly position: Position;
  /** `Kind namespace/name`. */
  readonly object: string;
  /** `not honoured`: a cluster would act on it, this controller does not. */
  readonly consequence: 'none' | 'not honoured';
  readonly reason: string;
}

/** What a file holds. The objects are only good to use when there are no problems. */
export interface DecodedFile {
  readonly file: string;
  readonly objects: readonly DecodedObject[];
  readonly ignored: readonly IgnoredObject[];
  readonly problems: readonly ManifestProblem[];
}

/** Reads one file of manifests strictly. Never throws for what the text holds; `file` is the name that problems carry. */
export function decodeManifests(file: string, text: string): DecodedFile {
  const parsed = parseYaml(text);
  if (parsed.kind === 'refused') {
    const problems = parsed.problems.map((problem) => ({ ...problem, file, object: '', path: '' }));
    return { file, objects: [], ignored: [], problems };
  }
  const decoder = new FileDecoder(file);
  for (const document of parsed.documents) {
    if (document.size > MAX_OBJECT_BYTES && textOf(document.root, 'kind') !== 'List') {
      decoder.refuse(document.root, '', `the object is larger than ${MAX_OBJECT_BYTES} bytes`);
      continue;
    }
    decoder.decode(document.root);
  }
  return decoder.result();
}

/** Groups whose objects an API server has checked by the tables of its own release, which may be newer than ours. */
const CHECKED_ELSEWHERE: readonly string[] = ['v1', 'apps/v1', 'discovery.k8s.io/v1'];

/**
 * Reads one object as an API server gives it. Kubernetes' own kinds may hold fields and values that are newer than ours:
 * they are left out, values with a word in `ignored`. The mesh's kinds are read as strictly as manifests. Never throws for
 * what the object holds.
 */
export function decodeApiObject(value: unknown): DecodedFile {
  const decoder = new FileDecoder('', CHECKED_ELSEWHERE);
  const root = locatedJson(value);
  if (root === undefined) {
    const message = 'the object is nested too deeply or too large';
    const problem = { file: '', position: NOWHERE, object: '', path: '', message };
    return { file: '', objects: [], ignored: [], problems: [problem] };
  }
  decoder.decode(root);
  return decoder.result();
}

class FileDecoder {
  readonly #file: string;
  readonly #tolerated: readonly string[];
  readonly #objects = new Map<string, DecodedObject>();
  readonly #ignored: IgnoredObject[] = [];
  readonly #problems: ManifestProblem[] = [];

  constructor(file: string, tolerated: readonly string[] = []) {
    this.#file = file;
    this.#tolerated = tolerated;
  }

  result(): DecodedFile {
    return { file: this.#file, objects: [...this.#objects.values()], ignored: this.#ignored, problems: this.#problems };
  }

  refuse(node: Located, path: string, message: string, cause?: string): void {
    const { position } = entryOf(node, path) ?? node;
    this.#problems.push({
      file: this.#file,
      position,
      object: nameOfNode(node),
      path,
      message,
      ...(cause === undefined ? {} : { cause }),
    });
  }

  decode(node: Located): void {
    if (node.kind !== 'map') return this.refuse(node, '', 'the document is not an object with apiVersion and kind');
    const apiVersion = textOf(node, 'apiVersion');
    const kind = textOf(node, 'kind');
    if (apiVersion === undefined) return this.refuse(node, 'apiVersion', 'is required and must be text');
    if (kind === undefined) return this.refuse(node, 'kind', 'is required and must be text');
    if (apiVersion === 'v1' && kind === 'List') return this.#decodeList(node);
    const handling = handlingOf(apiVersion, kind);
    switch (handling.handling) {
      case 'unknown':
        return this.refuse(node, 'kind', handling.message, handling.cause);
      case 'ignored':
        return this.#ignore(node, handling);
      case 'read':
        return this.#read(node, handling);
    }
  }

  #decodeList(node: Located): void {
    const items = entryOf(node, 'items');
    if (items?.kind !== 'list') return this.refuse(node, 'items', 'a List needs a list of items');
    for (const item of items.items) this.decode(item);
  }

  #ignore(node: Located, handling: KindHandling & { handling: 'ignored' }): void {
    this.#ignored.push({
      file: this.#file,
      position: node.position,
      object: nameOfNode(node),
      consequence: handling.consequence,
      reason: handling.reason,
    });
  }

  #read(node: Located, handling: KindHandling & { handling: 'read' }): void {
    const tolerant = this.#tolerated.includes(textOf(node, 'apiVersion') ?? '');
    const findings = new FindingList({ tolerant });
    const checked = checkObject(handling.kind, node, '', findings);
    checkMetadata(handling, node, findings);
    const object = findings.list.length === 0 ? completeObject(checked, handling) : undefined;
    if (object !== undefined && !tolerant) checkRelations(object, node, findings);
    for (const { path, message } of findings.tolerated) this.#leftOut(node, path, message);
    for (const finding of findings.list)
      this.#problems.push({ file: this.#file, object: nameOfNode(node), ...finding });
    if (object === undefined || findings.list.length > 0) return;
    const key = `${object.kind} ${objectName(object.metadata)}`;
    const earlier = this.#objects.get(key);
    if (earlier !== undefined) {
      return this.refuse(
        node,
        'metadata',
        'the object stands twice in this file',
        `first at line ${earlier.position.line}`,
      );
    }
    this.#objects.set(key, { object, file: this.#file, position: node.position });
  }

  #leftOut(node: Located, path: string, message: string): void {
    const reason = `${path}: ${message}; read as if it were not written`;
    const object = nameOfNode(node);
    this.#ignored.push({ file: this.#file, position: node.position, object, consequence: 'not honoured', reason });
  }
}

function checkMetadata(handling: KindHandling & { handling: 'read' }, node: Located, findings: FindingList): void {
  const metadata = entryOf(node, 'metadata');
  if (metadata?.kind !== 'map') return;
  const name = entryOf(metadata, 'name');
  const isName = ['Namespace', 'Service'].includes(handling.kind) ? isDnsLabel : isDnsName;
  if (name?.kind !== 'scalar' || name.value === null || name.value === '') {
    const generated =
      textOf(metadata, 'generateName') === undefined ? undefined : 'generateName works with create only';
    findings.report((name ?? metadata).position, 'metadata.name', 'is required and missing', generated);
  } else if (typeof name.value === 'string' && !isName(name.value)) {
    const rule =
      isName === isDnsLabel
        ? 'at most 63 lower-case letters, digits and inner hyphens'
        : 'lower-case letters, digits, inner hyphens and dots';
    findings.report(name.position, 'metadata.name', `${quoted(name.value)} is not a DNS-1123 name`, rule);
  }
  const namespace = textOf(metadata, 'namespace');
  if (handling.scope === 'cluster' && namespace !== undefined && namespace !== '') {
    findings.report(metadata.position, 'metadata.namespace', `a ${handling.kind} belongs to no namespace`);
  }
}

// The field tables have vouched for every field that the types name; this is the one place that says so.
function completeObject(checked: PlainObject, handling: KindHandling & { handling: 'read' }): ManifestObject {
  const metadata = checked['metadata'] as PlainObject;
  const namespace = handling.scope === 'cluster' ? '' : textValue(metadata['namespace'], 'default');
  const completed: Record<string, Plain> = Object.assign(bare(), checked, {
    metadata: Object.assign(bare(), metadata, { namespace }),
  });
  if (['AuthorizationPolicy', 'PeerAuthentication', 'RequestAuthentication', 'Telemetry'].includes(handling.kind))
    completed['spec'] ??= bare();
  return completed as unknown as ManifestObject;
}

function textValue(value: Plain | undefined, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback;
}

function bare(): Record<string, Plain> {
  return Object.create(null) as Record<string, Plain>;
}

function nameOfNode(node: Located): string {
  const kind = textOf(node, 'kind');
  const metadata = entryOf(node, 'metadata');
  const name = textOf(metadata, 'name');
  const namespace = textOf(metadata, 'namespace');
  if (kind === undefined) return name === undefined ? '' : printable(name);
  if (name === undefined) return printable(kind);
  return `${printable(kind)} ${printable(namespace === undefined || namespace === '' ? name : `${namespace}/${name}`)}`;
}
