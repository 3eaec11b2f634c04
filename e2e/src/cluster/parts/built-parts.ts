import { type Environment, bareEnvironment } from '../environment.ts';

/** Where everything lies that a start of a cluster asks for. */
export class BuiltParts {
  /** Folder of each part, by the part's name. */
  readonly folders: Readonly<Record<string, string>>;

  constructor(folders: Readonly<Record<string, string>>) {
    this.folders = folders;
  }

  /** Folders of programs, for a PATH: kubectl, helm, ctr and the rest. */
  get programs(): readonly string[] {
    return ['hyperkube', 'containerd', 'runc', 'helm'].map((name) => this.#folder(name));
  }

  /** What a program of the cluster itself is started with. */
  get bareEnvironment(): Environment {
    return bareEnvironment(this.programs);
  }

  /** Archives of the images that a node needs before its first pod. */
  get systemImages(): readonly string[] {
    return ['image-pause', 'image-coredns'].map((name) => `${this.#folder(name)}/image.tar`);
  }

  /** Archives of the images for pods of tests. */
  get testImages(): readonly string[] {
    return [`${this.#folder('image-node')}/image.tar`];
  }

  get cniPlugins(): string {
    return this.#folder('cni-plugins');
  }

  get runc(): string {
    return `${this.#folder('runc')}/runc`;
  }

  #folder(name: string): string {
    const folder = this.folders[name];
    if (folder === undefined) throw new Error(`the cluster was made without the part ${name}`);
    return folder;
  }
}
