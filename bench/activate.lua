-- wrk: each request activates the offer for a member of its own, under a key of its own.
-- wrk ... -s activate.lua URL -- API_KEY MEMBERS RUN FIRST, where RUN reads xxxx-xxxx in hex digits and FIRST is how many
-- members were served before.
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
  for _, one in ipairs(threads) do
    one:set("thread_count", #threads)
  end
end

function init(args)
  key, run, first = args[1], args[3], tonumber(args[4])
  count = 0
  math.randomseed(tonumber(string.sub(run, 1, 4) .. string.sub(run, 6, 8), 16) + number)
  head = "POST /v1/engagement/offers/activate HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " .. key
    .. "\r\nContent-Type: application/json\r\nIdempotency-Key: "
end

function request()
  local n = first + count * thread_count + number + 1
  count = count + 1
  local key = string.format("%08x-%s-%04x-%012x", math.random(0, 0x7fffffff) * 2, run, number, count)
  local body = string.format('{"offer":"ofr_bench","account":"loy_%025x%02x"}', n, n % 256)
  return head .. key .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%f,"non_2xx":%d,"errors":%d,"p50_ms":%f,"p99_ms":%f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
