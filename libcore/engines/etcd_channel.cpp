// SPDX-License-Identifier: MIT
#include "engines/etcd_channel.hpp"

#include <string_view>

#include "engines/etcd_text.hpp"
#include "engines/protobuf.hpp"

namespace coord::engines::etcd {

namespace {

constexpr std::size_t head_of_a_message = 5;  // whether it is compressed, and its size

std::string header_in(const Headers& headers, std::string_view name) {
  std::string value;
  for (const auto& [known, said] : headers) {
    if (known == name) value = said;
  }
  return value;
}

}  // namespace

std::string Ending::why() const {
  return text.empty() ? "it refuses (gRPC status " + status + ")" : text;
}

Ending ending_of(const Http2::Ended& event) {
  if (event.reset) return {"", "it broke off"};
  return {header_in(event.headers, "grpc-status"), header_in(event.headers, "grpc-message")};
}

std::optional<ByteView> message_in(const Bytes& answer) {
  if (answer.size() < head_of_a_message || answer.front() != 0) return std::nullopt;
  return ByteView(answer).subspan(head_of_a_message);
}

std::optional<ByteView> next_message(ByteView bytes, std::size_t& at, bool& failed) {
  if (bytes.size() - at < head_of_a_message) return std::nullopt;
  std::size_t size = 0;
  for (std::size_t i = 1; i < head_of_a_message; ++i) size = (size << 8U) | bytes[at + i];
  failed = bytes[at] != 0 || size > message_limit;
  if (failed || bytes.size() - at - head_of_a_message < size) return std::nullopt;
  const ByteView message = bytes.subspan(at + head_of_a_message, size);
  at += head_of_a_message + size;
  return message;
}

Http2::Stream Channel::open(const char* method, const Bytes& message, bool stays) {
  Headers headers{{":method", "POST"},   {":scheme", tls_ ? "https" : "http"}, {":path", method},
                  {":authority", host_}, {"content-type", "application/grpc"}, {"te", "trailers"}};
  if (stays) headers.emplace_back("hasleader", "true");
  if (!token_.empty()) headers.emplace_back("token", token_);
  const Http2::Stream stream = http_.open(headers);
  Bytes framed{0};
  for (unsigned shift = 32; shift > 0; shift -= 8)
    framed.push_back(static_cast<std::uint8_t>(message.size() >> (shift - 8)));
  framed.insert(framed.end(), message.begin(), message.end());
  http_.send(stream, framed, !stays);
  return stream;
}

Http2::Stream Channel::call(const char* method, const Bytes& message) {
  return open(method, message, false);
}

Http2::Stream Channel::watch(const Bytes& message) {
  return open("/etcdserverpb.Watch/Watch", message, true);
}

Http2::Stream Channel::authenticate(const Access& access) {
  ProtoWriter who;
  who.text(1, access.user).text(2, access.password);
  return call("/etcdserverpb.Auth/Authenticate", who.out());
}

void Channel::authenticated(ByteView message) {
  ProtoReader reader(message);
  while (const auto field = reader.next()) {
    if (field->number == 2) token_.assign(field->bytes.begin(), field->bytes.end());
  }
}

}  // namespace coord::engines::etcd
