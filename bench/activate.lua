-- wrk: each request activates the offer for another member, under its own key.
-- wrk ... -s activate.lua URL -- API_KEY MEMBERS RUN FIRST THREADS, where RUN reads xxxx-xxxx in hex digits, FIRST is how
-- many members were served before, and THREADS the number of wrk's threads: the first thread sends before the others are set up.
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  key, run, first, thread_count = args[1], args[3], tonumber(args[4]), tonumber(args[5])
  count, refused = 0, {}
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

-- Count activations that were not granted, by status and code.
function response(status, headers, body)
  if status < 200 or status > 299 then
    local what = status .. " " .. (string.match(body, '"code":%s*"([%w_]+)"') or "")
    refused[what] = (refused[what] or 0) + 1
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  local sums, counts = {}, {}
  for _, thread in ipairs(threads) do
    for what, times in pairs(thread:get("refused")) do
      sums[what] = (sums[what] or 0) + times
    end
  end
  for what, times in pairs(sums) do
    table.insert(counts, string.format('"%s":%d', what, times))
  end
  io.write(string.format(
    '\n{"requests":%d,"seconds":%f,"non_2xx":%d,"errors":%d,"p50_ms":%f,"p99_ms":%f,"refused":{%s}}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, table.concat(counts, ",")))
end
