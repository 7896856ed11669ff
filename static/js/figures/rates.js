// What two samples say together, as numbers for a chart and words for a reader. Pure: no page, no
// clock. A number is null where the node does not tell.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const THINGS = new Intl.NumberFormat("en");

export function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

const percent = (value) => `${value.toFixed(value < 9.95 ? 1 : 0)} %`;
const rate = (value) => `${size(value)}/s`;

/** @returns {number | null} how much a count grew, null where one of the two is not told */
function grown(now, before) {
  return now == null || before == null ? null : Math.max(0, now - before);
}

const nothing = (note) => ({ number: null, value: "–", of: "", note });

/** CPU time in percent of one core, and how often the limit held it back. */
export function cpu(now, before, seconds) {
  const used = grown(now.cpu?.usage_ns, before.cpu?.usage_ns);
  if (used === null) return nothing("not told on this node");
  const share = used / 1e7 / seconds;
  const periods = grown(now.cpu.periods, before.cpu.periods);
  const held = grown(now.cpu.throttled_periods, before.cpu.throttled_periods);
  const throttled = periods && held ? Math.round((100 * held) / periods) : 0;
  const cores = now.cpu.online;
  return {
    number: share,
    value: percent(share),
    of: cores ? `of ${cores} core${cores === 1 ? "" : "s"}` : "",
    note: throttled ? `Throttled in ${throttled} % of periods` : "Not throttled",
    hot: throttled > 10,
  };
}

export function memory(now) {
  const used = now.memory?.working_set_bytes ?? now.memory?.usage_bytes;
  if (used == null) return nothing("not told on this node");
  const { limit_bytes: limit, oom_kills: kills, cache_bytes: cache } = now.memory;
  return {
    number: used,
    value: size(used),
    of: limit ? `of ${size(limit)}` : "",
    note: kills ? `${THINGS.format(kills)} killed for lack of it` : cache == null ? "" : `and ${size(cache)} of cached files`,
    hot: Boolean(kills) || (limit > 0 && used > 0.9 * limit),
  };
}

export function network(now, before, seconds) {
  const total = now.network?.total;
  const earlier = before.network?.total;
  const received = grown(total?.received_bytes, earlier?.received_bytes);
  const sent = grown(total?.sent_bytes, earlier?.sent_bytes);
  if (received === null || sent === null) return nothing("not told on this node");
  const lost = total.received_drops + total.sent_drops + total.received_errors + total.sent_errors;
  return {
    number: (received + sent) / seconds,
    value: rate(received / seconds),
    of: `in, ${rate(sent / seconds)} out`,
    note: `${THINGS.format(lost)} lost`,
    hot: false,
  };
}

export function io(now, before, seconds) {
  const read = grown(now.io?.total.read_bytes, before.io?.total.read_bytes);
  const written = grown(now.io?.total.write_bytes, before.io?.total.write_bytes);
  if (read === null || written === null) return nothing("not told on this node");
  const { read_operations: reads, write_operations: writes } = now.io.total;
  return {
    number: (read + written) / seconds,
    value: rate(read / seconds),
    of: `read, ${rate(written / seconds)} written`,
    note: `${THINGS.format(reads + writes)} operations since its start`,
    hot: false,
  };
}

export function pids(now) {
  if (!now.pids) return nothing("not told on this node");
  const { current, limit } = now.pids;
  return {
    number: current,
    value: THINGS.format(current),
    of: limit ? `of ${THINGS.format(limit)}` : "",
    note: "threads count too",
    hot: limit > 0 && current > 0.9 * limit,
  };
}

/** Words for a number of each kind, where a chart is described. */
export const words = { cpu: percent, memory: size, network: rate, io: rate, pids: (count) => THINGS.format(count) };
