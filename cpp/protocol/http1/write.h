// Heads and chunk framing to bytes. Knows nothing of connections or time; never allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/http_date.h"
#include "protocol/handler.h"
#include "protocol/http1/read.h"
#include "protocol/outbox.h"

namespace zyphos::http1 {

// "HTTP/1.1 200 OK\r\n"; empty for a status without a registered reason (100 <= status <= 599 else
// too).
std::string_view status_line(std::uint16_t status);

// How a response leaves, beside its status and fields.
struct ResponseFraming {
  Body body = Body::none;            // none: no framing field (1xx, 204, 304)
  std::uint64_t content_length = 0;  // for Body::length, also when it is 0
  bool close = false;                // "Connection: close"
  bool keep_alive = false;           // "Connection: keep-alive" (to HTTP/1.0)
  std::string_view constant_fields;  // whole field lines
  const HttpDate* date = nullptr;
};

enum class Written : std::uint8_t { yes, no_room, never };

// All or nothing, `body` behind the head. never: larger than an empty outbox takes.
Written write_response(Outbox& out, const ResponseHead& head, const ResponseFraming& framing,
                       ConstBytes body = {});

// A whole answer without body that ends the connection, through the outbox's reserve. False: not
// even there.
bool write_error(Outbox& out, std::uint16_t status, const HttpDate* date);

// "1f4\r\n" into `to` (kChunkHead_bytes_max long); returns its length.
inline constexpr std::size_t kChunkHead_bytes_max = 18;
std::size_t put_chunk_head(std::byte* to, std::uint64_t size);

}  // namespace zyphos::http1
