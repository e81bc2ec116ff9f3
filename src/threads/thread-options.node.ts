/** Options of Node that change how modules are found and loaded, all of which a thread accepts: with and without a value. */
const valuedThreadOptions = ["--import", "--loader", "--experimental-loader", "--require", "-r", "--conditions", "-C"];
const plainThreadOptions = ["--enable-source-maps", "--preserve-symlinks"];

/**
 * What a thread is given of the process's own options. Usually nothing: it then inherits all of them unchecked, also
 * those, such as `--max-old-space-size`, that it refuses when they are named. But under `node --input-type=module -e ...`
 * no thread that inherits everything starts from a file, so that the options which matter to it must be named.
 */
export function optionsForThread(options: readonly string[]): { execArgv?: string[] } {
  if (!options.some((option) => option.split("=")[0] === "--input-type")) return {};
  const execArgv: string[] = [];
  for (let i = 0; i < options.length; i++) {
    const option = options[i] as string;
    const [name = ""] = option.split("=");
    if (plainThreadOptions.includes(option)) execArgv.push(option);
    if (!valuedThreadOptions.includes(name)) continue;
    execArgv.push(option);
    const value = options[i + 1];
    if (name === option && value !== undefined) execArgv.push(value);
    if (name === option) i++;
  }
  return { execArgv };
}
