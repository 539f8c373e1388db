/**
 * A folder as a kubelet mounts a Secret: the file `keys` is a link through `..data`, and a new
 * version is a new folder that `..data` is switched to in one step.
 */
export class MountedSecret implements AsyncDisposable {
  readonly #folder: string;
  #version = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async mount(text: string): Promise<MountedSecret> {
    const mounted = new MountedSecret(await Deno.makeTempDir());
    await mounted.publish(text);
    await Deno.symlink("..data/keys", mounted.path);
    return mounted;
  }

  /** The file to read. */
  get path(): string {
    return `${this.#folder}/keys`;
  }

  async publish(text: string): Promise<void> {
    const previous = `${this.#folder}/..${this.#version}`;
    const name = `..${++this.#version}`;
    await Deno.mkdir(`${this.#folder}/${name}`);
    await Deno.writeTextFile(`${this.#folder}/${name}/keys`, text);
    await Deno.symlink(name, `${this.#folder}/..data_tmp`);
    await Deno.rename(`${this.#folder}/..data_tmp`, `${this.#folder}/..data`);
    await Deno.remove(previous, { recursive: true }).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}
