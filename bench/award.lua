-- wrk: each request awards 5 points to a random account under its own key.
-- wrk ... -s award.lua URL -- API_KEY ACCOUNTS RUN, where RUN reads xxxx-xxxx in hex digits.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  key, accounts, run = args[1], tonumber(args[2]), args[3]
  count = 0
  math.randomseed(tonumber(string.sub(run, 1, 4) .. string.sub(run, 6, 8), 16) + number)
  head = "POST /v1/loyalty/points/award HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " .. key
    .. "\r\nContent-Type: application/json\r\nIdempotency-Key: "
end

-- A key of 36 characters that starts at random, so that keys spread over the index, and ends with unique digits.
function request()
  count = count + 1
  local n = math.random(accounts)
  local key = string.format("%08x-%s-%04x-%012x", math.random(0, 0x7fffffff) * 2, run, number, count)
  local body = string.format(
    '{"account":"loy_%025x%02x","points":5,"reason":"purchase","metadata":{"orderId":"ord_%08d"}}',
    n, n % 256, math.random(10000000, 99999999))
  return head .. key .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%f,"non_2xx":%d,"errors":%d,"p50_ms":%f,"p99_ms":%f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
