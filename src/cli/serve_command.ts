import { type App, type AppParts, openLogger, startApp } from "../app.ts";
import { type Config, ConfigFaults, describeConfig } from "../config.ts";
import { BindError } from "../core/bind_error.ts";
import { CacheError } from "../core/errors.ts";
import { hostPort } from "../core/host_port.ts";
import { DEV_DEFAULTS, devHints } from "./dev.ts";
import { EXIT } from "./exit_code.ts";
import { faultMessage, loadConfig } from "./load_config.ts";
import { complain, print } from "./terminal.ts";
import { uncaught } from "./uncaught.ts";
import { VERSION } from "./version.ts";

/**
 * Serves until a signal ends it; SIGHUP makes it look at its key files at once, SIGUSR2 changes the
 * log level to debug and back.
 */
export function runServe(): Promise<number> {
  let app: App | undefined;
  // From the beginning, because by default the signal ends the process. Development leaves it at
  // that: there it says that the terminal has gone.
  Deno.addSignalListener("SIGHUP", () => void app?.reload());
  return serve(Deno.env.toObject(), (_config, started) => {
    app = started;
  });
}

/** Serves with the settings of development, which the environment overrides, and says what to try. */
export function runDev(): Promise<number> {
  const env = Deno.env.toObject();
  const backend = env.REDIS_ADDRESSES ? "redis" : "memory";
  return serve(
    { CACHE_BACKEND: backend, ...DEV_DEFAULTS, ...env },
    (config, app) => print(devHints(config, app)),
  );
}

async function serve(
  env: Readonly<Record<string, string>>,
  onStarted: (config: Config, app: App) => void,
): Promise<number> {
  const loaded = await loadConfig(env);
  if (loaded instanceof ConfigFaults) {
    complain(faultMessage(loaded));
    return EXIT.configuration;
  }
  const { config, warnings } = loaded;
  const logger = await openLogger(config);
  for (const warning of warnings) logger.warn(warning);
  if (!config.auth.enabled) logger.warn("identity is off: every caller may do everything");
  // By default the signal would end the process. SIGUSR1 opens the inspector of V8.
  Deno.addSignalListener("SIGUSR2", () => {
    logger.level = logger.level === "debug" ? config.telemetry.logLevel : "debug";
  });
  try {
    const requestLog = logger.requests;
    const droppedLogLines = (): number => logger.dropped;
    return await Promise.race([
      run(config, { logger, requestLog, droppedLogLines, levels: logger, onStarted }),
      uncaught(),
    ]);
  } catch (error) {
    // Not to standard error: where nobody reads, writing there would keep the process from ending.
    logger.error("ended by an error that nobody handled", {
      error,
      // Of such an error the log tells only the code elsewhere.
      ...(error instanceof CacheError ? { stack: error.stack } : {}),
    });
    return EXIT.failed;
  } finally {
    await logger.close();
  }
}

async function run(
  config: Config,
  { onStarted, ...parts }: Omit<AppParts, "version"> & {
    readonly onStarted: (config: Config, app: App) => void;
  },
): Promise<number> {
  const { logger } = parts;
  const signals = new StopSignals();
  let app: App;
  try {
    app = await startApp(config, { ...parts, version: VERSION });
  } catch (error) {
    signals.close();
    if (error instanceof Deno.errors.AddrInUse) {
      complain(`${error.message}\nSet SERVER_HTTP_PORT or SERVER_GRPC_PORT to another port.`);
    } else if (error instanceof BindError) complain(error.message);
    else throw error;
    return EXIT.unavailable;
  }
  logger.info("started", {
    version: VERSION,
    deno: Deno.version.deno,
    http: hostPort(config.server.host, app.httpPort),
    grpc: app.grpcPort === undefined ? "unavailable" : hostPort(config.server.host, app.grpcPort),
    config: describeConfig(config),
  });
  onStarted(config, app);

  logger.info("draining", { signal: await signals.first });
  const clean = await Promise.race([app.drain(), signals.second.then(() => undefined)]);
  signals.close();
  if (clean === undefined) {
    logger.error("stopped at once by a second signal");
    return EXIT.failed;
  }
  if (clean) logger.info("stopped");
  else logger.error("stopped with calls cut off at the graceful timeout");
  return EXIT.done;
}

/**
 * A signal that comes so soon after the first is the same one: a terminal signals the whole process
 * group, and a task runner passes on what it received.
 */
const SAME_SIGNAL_MS = 500;

/** The signals that end the service: the first asks, a later one insists. */
class StopSignals {
  readonly #first = Promise.withResolvers<Deno.Signal>();
  readonly #second = Promise.withResolvers<Deno.Signal>();
  readonly #listeners = (["SIGTERM", "SIGINT"] as const).map((signal) => ({
    signal,
    listener: () => this.#received(signal),
  }));
  #askedAtMs: number | undefined;

  constructor() {
    for (const { signal, listener } of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  get first(): Promise<Deno.Signal> {
    return this.#first.promise;
  }

  get second(): Promise<Deno.Signal> {
    return this.#second.promise;
  }

  close(): void {
    for (const { signal, listener } of this.#listeners) Deno.removeSignalListener(signal, listener);
  }

  #received(signal: Deno.Signal): void {
    const nowMs = performance.now();
    if (this.#askedAtMs === undefined) {
      this.#askedAtMs = nowMs;
      this.#first.resolve(signal);
    } else if (nowMs - this.#askedAtMs >= SAME_SIGNAL_MS) this.#second.resolve(signal);
  }
}
