-- Sends the requests of a file in turn, each written as its length, a line feed and its bytes, and
-- prints what was measured as one line of JSON.
local requests, sent = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local length = file:read("*n")
  while length do
    file:read(1)
    requests[#requests + 1] = file:read(length)
    length = file:read("*n")
  end
end

function request()
  sent = sent % #requests + 1
  return requests[sent]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"durationUs":%d,"requests":%d,"p50Us":%d,"p99Us":%d,"refused":%d,"broken":%d}\n',
    summary.duration, summary.requests, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
