// SPDX-License-Identifier: MIT
#include "engines/http2.hpp"

#include <algorithm>
#include <utility>

namespace coord::engines {

namespace {

constexpr std::size_t frame_head = 9;
constexpr std::size_t own_frame_limit = 16384;  // what we have announced, by saying nothing
constexpr std::size_t block_limit = 65536;
constexpr std::uint32_t stream_window = 4U << 20U;
constexpr std::uint32_t connection_window = 16U << 20U;
constexpr std::uint32_t usual_window = 65535;

enum Type : std::uint8_t {
  data = 0,
  headers = 1,
  reset_stream = 3,
  settings = 4,
  push_promise = 5,
  ping_frame = 6,
  go_away = 7,
  window_update = 8,
  continuation = 9,
};
constexpr std::uint8_t end_stream = 1, acknowledges = 1, end_headers = 4, padded = 8, has_priority = 0x20;

Bytes big_endian(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 24U), static_cast<std::uint8_t>(value >> 16U),
          static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)};
}

std::uint32_t number_at(ByteView bytes, std::size_t at) {
  return (static_cast<std::uint32_t>(bytes[at]) << 24U) | (static_cast<std::uint32_t>(bytes[at + 1]) << 16U) |
         (static_cast<std::uint32_t>(bytes[at + 2]) << 8U) | bytes[at + 3];
}

void put_setting(Bytes& out, std::uint16_t which, std::uint32_t value) {
  out.push_back(static_cast<std::uint8_t>(which >> 8U));
  out.push_back(static_cast<std::uint8_t>(which));
  const Bytes number = big_endian(value);
  out.insert(out.end(), number.begin(), number.end());
}

// Without padding and priority; false: they do not fit.
bool strip(std::uint8_t flags, bool may_have_priority, ByteView& payload) {
  std::size_t padding = 0;
  if ((flags & padded) != 0) {
    if (payload.empty()) return false;
    padding = payload[0];
    payload = payload.subspan(1);
  }
  if (may_have_priority && (flags & has_priority) != 0) {
    if (payload.size() < 5) return false;
    payload = payload.subspan(5);
  }
  if (padding > payload.size()) return false;
  payload = payload.first(payload.size() - padding);
  return true;
}

}  // namespace

Http2::Http2() {
  const ByteView preface = bytes_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  output_.insert(output_.end(), preface.begin(), preface.end());
  Bytes ours;
  put_setting(ours, 2, 0);  // no push
  put_setting(ours, 4, stream_window);
  frame(settings, 0, 0, ours);
  frame(window_update, 0, 0, big_endian(connection_window - usual_window));
}

void Http2::frame(std::uint8_t type, std::uint8_t flags, Stream stream, ByteView payload) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  const Bytes length = big_endian(size);
  output_.insert(output_.end(), length.begin() + 1, length.end());
  output_.push_back(type);
  output_.push_back(flags);
  const Bytes id = big_endian(stream);
  output_.insert(output_.end(), id.begin(), id.end());
  output_.insert(output_.end(), payload.begin(), payload.end());
}

Http2::Stream Http2::open(const Headers& fields) {
  const Stream id = next_;
  next_ += 2;
  streams_[id].window = first_window_;
  frame(headers, end_headers, id, encode_headers(fields));
  return id;
}

void Http2::send(Stream stream, ByteView body, bool last) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  Open& open = found->second;
  open.waiting.insert(open.waiting.end(), body.begin(), body.end());
  open.last_waits |= last;
  flush(stream, open);
}

void Http2::flush(Stream id, Open& open) {
  while (!open.waiting.empty() || open.last_waits) {
    const std::int64_t room = std::min(window_, open.window);
    const std::size_t size = std::min(
        {open.waiting.size(), frame_limit_, static_cast<std::size_t>(std::max<std::int64_t>(room, 0))});
    if (size == 0 && !open.waiting.empty()) return;
    const bool last = open.last_waits && size == open.waiting.size();
    frame(data, last ? end_stream : 0, id, ByteView(open.waiting).first(size));
    open.waiting.erase(open.waiting.begin(), open.waiting.begin() + static_cast<std::ptrdiff_t>(size));
    window_ -= static_cast<std::int64_t>(size);
    open.window -= static_cast<std::int64_t>(size);
    if (last) open.last_waits = false;
  }
}

void Http2::flush_all() {
  for (auto& [id, open] : streams_) flush(id, open);
}

void Http2::reset(Stream stream) {
  if (streams_.erase(stream) == 0) return;
  frame(reset_stream, 0, stream, big_endian(8));  // CANCEL
}

void Http2::ping() {
  frame(ping_frame, 0, 0, Bytes(8, 0));
}

std::vector<Http2::Event> Http2::receive(ByteView bytes) {
  std::vector<Event> events;
  if (failed_) return events;
  input_.insert(input_.end(), bytes.begin(), bytes.end());
  std::size_t at = 0;
  while (input_.size() - at >= frame_head) {
    const ByteView rest = ByteView(input_).subspan(at);
    const std::uint32_t size = number_at(rest, 0) >> 8U;
    if (size > own_frame_limit) {
      failed_ = true;
      break;
    }
    if (rest.size() < frame_head + size) break;
    const Stream stream = number_at(rest, 5) & 0x7fffffffU;
    if (!take(rest[3], rest[4], stream, rest.subspan(frame_head, size), events)) {
      failed_ = true;
      break;
    }
    at += frame_head + size;
  }
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(at));
  return events;
}

bool Http2::take(std::uint8_t type, std::uint8_t flags, Stream stream, ByteView payload,
                 std::vector<Event>& events) {
  if (block_of_ != 0 && (type != continuation || stream != block_of_)) return false;
  switch (type) {
    case data:
      return take_data(flags, stream, payload, events);
    case headers:
      return take_headers(flags, stream, payload, events);
    case continuation:
      if (block_of_ == 0 || block_.size() + payload.size() > block_limit) return false;
      block_.insert(block_.end(), payload.begin(), payload.end());
      return (flags & end_headers) == 0 || end_of_block(events);
    case reset_stream:
      end(stream, true, events);
      return true;
    case settings:
      return take_settings(flags, payload);
    case push_promise:
      return false;
    case ping_frame:
      if (payload.size() != 8) return false;
      if ((flags & acknowledges) != 0) {
        ++pongs_;
      } else {
        frame(ping_frame, acknowledges, 0, payload);
      }
      return true;
    case go_away:
      going_ = true;
      return true;
    case window_update: {
      if (payload.size() != 4) return false;
      const std::int64_t more = number_at(payload, 0) & 0x7fffffffU;
      if (stream == 0) {
        window_ += more;
      } else if (const auto found = streams_.find(stream); found != streams_.end()) {
        found->second.window += more;
      }
      flush_all();
      return true;
    }
    default:
      return true;  // kinds that are not known are passed over (section 4.1)
  }
}

bool Http2::take_data(std::uint8_t flags, Stream stream, ByteView payload, std::vector<Event>& events) {
  consumed_ += payload.size();
  give_back(0, consumed_);
  const auto found = streams_.find(stream);
  const std::size_t whole = payload.size();
  if (!strip(flags, false, payload)) return false;
  if (found == streams_.end()) return true;  // it was reset
  if (!payload.empty()) events.push_back(Body{stream, Bytes(payload.begin(), payload.end())});
  found->second.consumed += whole;
  if ((flags & end_stream) != 0) {
    end(stream, false, events);
  } else {
    give_back(stream, found->second.consumed);
  }
  return true;
}

void Http2::give_back(Stream stream, std::uint64_t& consumed) {
  if (consumed < (stream == 0 ? connection_window : stream_window) / 4) return;
  frame(window_update, 0, stream, big_endian(static_cast<std::uint32_t>(consumed)));
  consumed = 0;
}

bool Http2::take_headers(std::uint8_t flags, Stream stream, ByteView payload, std::vector<Event>& events) {
  if (!strip(flags, true, payload)) return false;
  block_.assign(payload.begin(), payload.end());
  block_of_ = stream;
  block_ends_ = (flags & end_stream) != 0;
  return stream != 0 && ((flags & end_headers) == 0 || end_of_block(events));
}

bool Http2::end_of_block(std::vector<Event>& events) {
  auto fields = decoder_.decode(block_);  // of streams that are gone too: the table is shared
  const Stream stream = std::exchange(block_of_, 0);
  if (!fields) return false;
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return true;
  auto& known = found->second.headers;
  known.insert(known.end(), std::make_move_iterator(fields->begin()), std::make_move_iterator(fields->end()));
  if (block_ends_) end(stream, false, events);
  return true;
}

bool Http2::take_settings(std::uint8_t flags, ByteView payload) {
  if ((flags & acknowledges) != 0) return true;
  if (payload.size() % 6 != 0) return false;
  for (std::size_t at = 0; at < payload.size(); at += 6) {
    const auto which = static_cast<std::uint16_t>((payload[at] << 8U) | payload[at + 1]);
    const std::uint32_t value = number_at(payload, at + 2);
    if (which == 4) {
      if (value > 0x7fffffffU) return false;
      for (auto& [id, open] : streams_) open.window += static_cast<std::int64_t>(value) - first_window_;
      first_window_ = value;
    } else if (which == 5 && value >= own_frame_limit) {
      frame_limit_ = std::min<std::size_t>(value, own_frame_limit);
    }
  }
  frame(settings, acknowledges, 0, {});
  flush_all();
  return true;
}

void Http2::end(Stream stream, bool reset, std::vector<Event>& events) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  events.push_back(Ended{stream, std::move(found->second.headers), reset});
  streams_.erase(found);
}

}  // namespace coord::engines
