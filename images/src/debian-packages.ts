import { existsSync, readFileSync } from 'node:fs';
import type { Component, Portion } from './component.ts';
import { outputOf } from './tool.ts';
import { createHash } from 'node:crypto';

const DPKG_QUERY = '/usr/bin/dpkg-query';
const FIELDS = ['${binary:Package}', '${Version}', '${Architecture}', '${Package}'].join('\\t');

interface DebianPackage extends Component {
  /** Without architecture: the name of its folder in /usr/share/doc. */
  readonly documents: string;
}

/**
 * Whose the files of this machine are: the Debian packages that own them and their copyright files. A file that no package
 * owns, or all of them on a machine without dpkg, is listed by itself. Throws `AMBIT_IMAGE_TOOL`.
 */
export function provenanceOf(files: readonly string[]): Pick<Portion, 'entries' | 'components'> {
  const owners = ownersOf(files);
  const packages = described([...new Set(owners.values())]);
  const strays = files.filter((file) => !owners.has(file)).map(strayFile);
  const notices = packages.flatMap(({ documents }) => {
    const path = `usr/share/doc/${documents}/copyright`;
    if (!existsSync(`/${path}`)) return [];
    return [{ kind: 'file', path, mode: 0o644, content: [readFileSync(`/${path}`)] } as const];
  });
  return { entries: notices, components: [...packages.map(({ documents: _, ...component }) => component), ...strays] };
}

/** File -> package, for the files that one owns. */
function ownersOf(files: readonly string[]): Map<string, string> {
  if (!existsSync(DPKG_QUERY) || files.length === 0) return new Map();
  // Where /lib is a link to /usr/lib, packages may own a file under either name.
  const byName = new Map(files.flatMap((file) => namesOf(file).map((name) => [name, file])));
  const text = outputOf(DPKG_QUERY, ['--search', ...byName.keys()], { alsoFine: [1] });
  return new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const [, owner, name] = /^([a-z0-9][^ ,]*): (\/.*)$/.exec(line) ?? [];
      const file = byName.get(name ?? '');
      return owner === undefined || file === undefined ? [] : [[file, owner]];
    }),
  );
}

function namesOf(file: string): string[] {
  return /^\/usr\/(s?bin|lib[^/]*)\//.test(file) ? [file, file.slice('/usr'.length)] : [file, `/usr${file}`];
}

function described(packages: readonly string[]): DebianPackage[] {
  if (packages.length === 0) return [];
  const distribution = distributionOf();
  const text = outputOf(DPKG_QUERY, ['--show', `--showformat=${FIELDS}\\n`, ...packages]);
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', version = '', architecture = '', documents = ''] = line.split('\t');
      const purl = `pkg:deb/${distribution.id}/${documents}@${encodeURIComponent(version)}?arch=${architecture}&distro=${distribution.id}-${distribution.version}`;
      return { name, version, purl, documents };
    });
}

/** `debian` and `12`, as /etc/os-release has them. */
function distributionOf(): { id: string; version: string } {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const field = (name: string): string | undefined => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1];
  return { id: field('ID') ?? 'debian', version: field('VERSION_ID') ?? '' };
}

function strayFile(file: string): Component {
  const hex = createHash('sha256').update(readFileSync(file)).digest('hex');
  return {
    name: file,
    version: '',
    checksum: { algorithm: 'SHA256', hex },
    comment: 'no package of the build owns it',
  };
}
