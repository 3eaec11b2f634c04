import { join } from 'node:path';
import { BILL_PATH, billOfMaterials } from './bill-of-materials.ts';
import type { Portion } from './component.ts';
import { dependenciesOf } from './dependencies.ts';
import { dependencyPortion, type SharedPackages, sharedPackages } from './dependency-portions.ts';
import { textEntry } from './file-entry.ts';
import { type ImageDefinition, IMAGES, type Program, REPOSITORY } from './image-list.ts';
import { type LockFile, readLockFile, readPackageFile } from './lock-file.ts';
import { findNodeRuntime, nodePortion, type NodeRuntime } from './node-runtime.ts';
import { type Architecture, type Image, imageOf, type Layer, layerOf, type RunSettings } from './oci.ts';
import { programPortion } from './program-portion.ts';
import { shippedFiles } from './shipped-files.ts';
import { skeleton } from './skeleton.ts';
import { toolsPortion } from './tools-portion.ts';

export interface BuiltImage {
  readonly name: string;
  readonly image: Image;
  /** SPDX as JSON. */
  readonly bill: string;
}

export interface BuildSettings {
  /** Folder of the repository. */
  readonly root: string;
  /** As Node names it: `x64` or `arm64`; that of this machine, whose libraries the images get. */
  readonly processor: string;
  /** The CNI plugin, for the images that want one. */
  readonly plugin: (version: string, architecture: Architecture) => Portion;
}

/** Builds images, and what they share once. Throws what the parts throw, all of it `AMBIT_IMAGE_…`. */
export class ImageBuilder {
  readonly version: string;
  readonly #settings: BuildSettings;
  readonly #lock: LockFile;
  readonly #runtime: NodeRuntime;
  /** Name of the image -> packages of this repository. */
  readonly #workspaces: ReadonlyMap<string, readonly string[]>;
  readonly #shared: readonly SharedPackages[];
  readonly #packed = new Map<Portion, Layer>();
  readonly #base: Portion = skeleton();
  readonly #node: Portion;
  readonly #packages: readonly Portion[];

  constructor(settings: BuildSettings) {
    const { root, processor } = settings;
    this.#settings = settings;
    this.version = readPackageFile(root).version;
    this.#lock = readLockFile(root);
    this.#runtime = findNodeRuntime(root, processor);
    this.#workspaces = new Map(
      IMAGES.map(({ name, program }) => [name, dependenciesOf(root, [program.workspace]).workspaces]),
    );
    this.#shared = sharedPackages(new Map(IMAGES.map(({ name, program }) => [name, packagesOf(root, program)])));
    const addons = this.#shared
      .flatMap(({ packages }) => packages)
      .flatMap((folder) => shippedFiles(join(root, folder)).map((file) => join(root, folder, file)))
      .filter((file) => file.endsWith('.node'));
    this.#node = nodePortion(root, this.#lock, this.#runtime, addons);
    this.#packages = this.#shared.map((group) => dependencyPortion(root, this.#lock, group));
  }

  build(definition: ImageDefinition): BuiltImage {
    const { root, plugin } = this.#settings;
    const { name, program, tools } = definition;
    const portions = [this.#base, this.#node];
    if (tools.length > 0) portions.push(toolsPortion(tools, this.#node));
    portions.push(...this.#packages.filter((_, index) => this.#shared[index]?.images.includes(name)));
    if (definition.plugin) portions.push(plugin(this.version, this.#runtime.architecture));
    portions.push(programPortion(root, this.#lock, program, this.#workspaces.get(name) ?? []));
    return this.assemble(name, definition.description, definition, portions);
  }

  /** An image of these layers, bottom first; the bill of materials is added to the last. */
  assemble(name: string, description: string, run: RunSettings, portions: readonly Portion[]): BuiltImage {
    const reference = `${REPOSITORY}/${name}:${this.version}`;
    const bill = billOfMaterials(
      reference,
      portions.flatMap(({ components }) => components),
    );
    const last = portions.at(-1) ?? this.#base;
    const layers = portions.slice(0, -1).map((portion) => this.#layer(portion));
    layers.push(layerOf(last.purpose, [...last.entries, textEntry(BILL_PATH, bill)]));
    const labels = {
      'org.opencontainers.image.title': name,
      'org.opencontainers.image.description': description,
      'org.opencontainers.image.version': this.version,
    };
    return { name, bill, image: imageOf({ reference, architecture: this.#runtime.architecture, labels, run, layers }) };
  }

  #layer(portion: Portion): Layer {
    const layer = this.#packed.get(portion) ?? layerOf(portion.purpose, portion.entries);
    this.#packed.set(portion, layer);
    return layer;
  }
}

/** The installed packages that a program loads: all that it depends on, unless they are in its bundle. */
function packagesOf(root: string, program: Program): readonly string[] {
  return dependenciesOf(root, program.kind === 'bundle' ? program.installed : [program.workspace]).packages;
}
