/** A name under which a question may be answered. */
export interface Alias {
  readonly name: string;
  /** What was asked for without a search domain; undefined when nothing was taken off. */
  readonly stripped: string | undefined;
}

/**
 * The names that a client may mean by `name` (lower case, without final dot), the literal one first: what the resolver's
 * search list would have made of it, and what is left when the search list has already been applied to a full name.
 */
export function aliasesOf(name: string, clientNamespace: string, clusterDomain: string): Alias[] {
  const own = `${clientNamespace}.svc.${clusterDomain}`;
  const aliases: Alias[] = [];
  const seen = new Set<string>();
  const add = (alias: string, stripped: string | undefined) => {
    if (seen.has(alias)) return;
    seen.add(alias);
    aliases.push({ name: alias, stripped });
  };
  add(name, undefined);
  for (const full of kubernetesNames(name, own, clusterDomain)) add(full, undefined);
  for (const domain of [own, `svc.${clusterDomain}`, clusterDomain]) {
    if (!name.endsWith(`.${domain}`)) continue;
    const stripped = name.slice(0, -domain.length - 1);
    add(stripped, stripped);
    for (const full of kubernetesNames(stripped, own, clusterDomain)) add(full, stripped);
  }
  return aliases;
}

/** The full names that a short Kubernetes name of one to four labels can stand for. */
function kubernetesNames(name: string, own: string, clusterDomain: string): string[] {
  const labels = name.split('.');
  const services = `svc.${clusterDomain}`;
  switch (labels.length) {
    case 1:
      return [`${name}.${own}`];
    case 2:
      // service.namespace, or pod.service of the client's namespace
      return [`${name}.${services}`, `${name}.${own}`];
    case 3:
      // service.namespace.svc, or pod.service.namespace
      return labels[2] === 'svc' ? [`${name}.${clusterDomain}`, `${name}.${services}`] : [`${name}.${services}`];
    case 4:
      return labels[3] === 'svc' ? [`${name}.${clusterDomain}`] : [];
    default:
      return [];
  }
}

/** `name` itself, then `*.` with ever fewer labels, as services with a wildcard host are named. */
export function* wildcardsOf(name: string): Generator<string> {
  yield name;
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) yield `*${name.slice(dot)}`;
}
