// SPDX-License-Identifier: MIT
#include "engines/http2.hpp"

#include <nghttp2/nghttp2.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/check.hpp"

namespace coord::engines {

namespace {

constexpr std::int32_t stream_window = 4 << 20;
constexpr std::int32_t connection_window = 16 << 20;

nghttp2_nv field(const std::pair<std::string, std::string>& of) {
  // Not changed: nghttp2 copies both before submit_request() returns.
  const auto* name = reinterpret_cast<const std::uint8_t*>(of.first.data());
  const auto* value = reinterpret_cast<const std::uint8_t*>(of.second.data());
  return {const_cast<std::uint8_t*>(name), const_cast<std::uint8_t*>(value), of.first.size(),
          of.second.size(), NGHTTP2_NV_FLAG_NONE};
}

std::string text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

struct Http2::Callbacks {
  static Http2& self(void* of) { return *static_cast<Http2*>(of); }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                    void* of) {
    const auto found = self(of).streams_.find(frame->hd.stream_id);
    if (found != self(of).streams_.end())
      found->second.headers.emplace_back(text(name, name_size), text(value, value_size));
    return 0;
  }

  static int body(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                  std::size_t size, void* of) {
    if (self(of).streams_.count(stream) != 0)
      self(of).events_.emplace_back(Body{stream, Bytes(data, data + size)});
    return 0;
  }

  // A server may end what it says before we do: then the rest of ours is of no use to it.
  static int received(nghttp2_session* session, const nghttp2_frame* frame, void* of) {
    const bool may_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (may_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      const auto found = self(of).streams_.find(frame->hd.stream_id);
      const bool ours_is_open = nghttp2_session_get_stream_local_close(session, frame->hd.stream_id) == 0;
      if (found != self(of).streams_.end()) self(of).end(frame->hd.stream_id, false);
      if (ours_is_open)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_CANCEL);
    } else if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
      ++self(of).pongs_;
    } else if (frame->hd.type == NGHTTP2_GOAWAY) {
      self(of).going_ = true;
    }
    return 0;
  }

  // We say good-bye for one reason only: what came is not HTTP/2.
  static int sent(nghttp2_session*, const nghttp2_frame* frame, void* of) {
    if (frame->hd.type == NGHTTP2_GOAWAY) self(of).failed_ = true;
    return 0;
  }

  static int closed(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* of) {
    self(of).end(stream, code != NGHTTP2_NO_ERROR);
    return 0;
  }

  static ssize_t more(nghttp2_session*, std::int32_t stream, std::uint8_t* to, std::size_t room,
                      std::uint32_t* flags, nghttp2_data_source*, void* of) {
    const auto found = self(of).streams_.find(stream);
    if (found == self(of).streams_.end()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    Open& open = found->second;
    if (open.waiting.empty() && !open.last_waits) return NGHTTP2_ERR_DEFERRED;
    const std::size_t size = std::min(room, open.waiting.size());
    const auto end = open.waiting.begin() + static_cast<std::ptrdiff_t>(size);
    std::copy(open.waiting.begin(), end, to);
    open.waiting.erase(open.waiting.begin(), end);
    if (open.waiting.empty() && open.last_waits) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }
};

void Http2::Delete::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

Http2::Http2() {
  nghttp2_session_callbacks* callbacks = nullptr;
  COORD_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);  // but for want of memory
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::body);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::received);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::closed);
  nghttp2_session* session = nullptr;
  COORD_CHECK(nghttp2_session_client_new(&session, callbacks, this) == 0);
  nghttp2_session_callbacks_del(callbacks);
  session_.reset(session);
  const std::array<nghttp2_settings_entry, 2> ours{{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window},
  }};
  COORD_CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, ours.data(), ours.size()) == 0);
  COORD_CHECK(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, connection_window) == 0);
  pump();
}

Http2::~Http2() = default;

Http2::Stream Http2::open(const Headers& headers) {
  std::vector<nghttp2_nv> fields;
  fields.reserve(headers.size());
  for (const auto& header : headers) fields.push_back(field(header));
  nghttp2_data_provider source{};
  source.read_callback = Callbacks::more;
  const Stream id =
      nghttp2_submit_request(session_.get(), nullptr, fields.data(), fields.size(), &source, nullptr);
  if (id < 0) {  // of 2^30 streams none is left: another connection has them again
    failed_ = true;
    return 0;
  }
  streams_[id];
  pump();
  return id;
}

void Http2::send(Stream stream, ByteView body, bool last) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  found->second.waiting.insert(found->second.waiting.end(), body.begin(), body.end());
  found->second.last_waits |= last;
  nghttp2_session_resume_data(session_.get(), stream);
  pump();
}

void Http2::reset(Stream stream) {
  if (streams_.erase(stream) == 0) return;
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  pump();
}

void Http2::ping() {
  nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
  pump();
}

std::vector<Http2::Event> Http2::receive(ByteView bytes) {
  if (failed_) return {};
  if (nghttp2_session_mem_recv(session_.get(), bytes.data(), bytes.size()) < 0) failed_ = true;
  pump();
  return std::exchange(events_, {});
}

void Http2::pump() {
  while (!failed_) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &data);
    if (size < 0) failed_ = true;
    if (size <= 0) return;
    output_.insert(output_.end(), data, data + size);
  }
}

void Http2::end(Stream stream, bool reset) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  events_.emplace_back(Ended{stream, std::move(found->second.headers), reset});
  streams_.erase(found);
}

}  // namespace coord::engines
