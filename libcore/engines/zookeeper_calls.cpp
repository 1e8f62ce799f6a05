// SPDX-License-Identifier: MIT
#include "engines/zookeeper_calls.hpp"

#include <algorithm>

namespace coord::engines::zookeeper {

Stat read_stat(JuteReader& reader) {
  Stat stat;
  stat.created = static_cast<std::uint64_t>(reader.longer());
  stat.changed = static_cast<std::uint64_t>(reader.longer());
  (void)reader.longer();  // ctime
  (void)reader.longer();  // mtime
  stat.version = reader.number();
  stat.changes = std::max(reader.number(), 0);
  (void)reader.number();  // aversion
  (void)reader.longer();  // ephemeralOwner
  stat.bytes = std::max(reader.number(), 0);
  stat.children = std::max(reader.number(), 0);
  (void)reader.longer();  // pzxid
  return stat;
}

namespace {

constexpr std::int32_t persistent_sequential = 2, ephemeral_sequential = 3;

Bytes create_as(std::int32_t mode, const std::string& path, ByteView data, Rights rights) {
  constexpr std::int32_t all = 31;
  JuteWriter out;
  out.text(path).buffer(data).number(1).number(all);
  if (rights == Rights::everybody) {
    out.text("world").text("anyone");
  } else {
    out.text("auth").text("");
  }
  return out.number(mode).out();
}

}  // namespace

Bytes create(const std::string& path, ByteView data, Rights rights, bool numbered) {
  return create_as(numbered ? persistent_sequential : 0, path, data, rights);
}

Bytes create_for_session(const std::string& path, ByteView data, Rights rights) {
  return create_as(ephemeral_sequential, path, data, rights);
}

Bytes put(const std::string& path, ByteView data, std::int32_t version) {
  return JuteWriter().text(path).buffer(data).number(version).out();
}

Bytes remove(const std::string& path, std::int32_t version) {
  return JuteWriter().text(path).number(version).out();
}

Bytes check(const std::string& path, std::int32_t version) {
  return JuteWriter().text(path).number(version).out();
}

Bytes read(const std::string& path, bool watch) {
  return JuteWriter().text(path).flag(watch).out();
}

Multi& Multi::add(Operation operation, const Bytes& body) {
  out_.number(static_cast<std::int32_t>(operation)).flag(false).number(-1).append(body);
  return *this;
}

Bytes Multi::out() const {
  JuteWriter whole = out_;
  return whole.number(-1).flag(true).number(-1).out();
}

std::optional<MultiAnswer> read_multi(JuteReader& reader) {
  MultiAnswer answer;
  while (true) {
    const std::int32_t kind = reader.number();
    const bool is_last = reader.flag();
    (void)reader.number();
    if (reader.failed()) return std::nullopt;
    if (is_last) return answer;
    switch (kind) {
      case -1:
        if (const std::int32_t error = reader.number(); answer.error == 0) answer.error = error;
        break;
      case static_cast<std::int32_t>(Operation::create):
        answer.created = reader.text();
        break;
      case static_cast<std::int32_t>(Operation::put):
        (void)read_stat(reader);
        break;
      case static_cast<std::int32_t>(Operation::remove):
      case static_cast<std::int32_t>(Operation::check):
        break;
      default:
        return std::nullopt;
    }
  }
}

Bytes connect_request(std::int32_t session_ms, std::uint64_t session, ByteView password, std::uint64_t seen) {
  const Bytes no_password(16, 0);
  return JuteWriter()
      .number(0)
      .longer(static_cast<std::int64_t>(seen))
      .number(session_ms)
      .longer(static_cast<std::int64_t>(session))
      .buffer(password.empty() ? ByteView(no_password) : password)
      .flag(false)
      .out();
}

Bytes auth(const std::string& user, const std::string& password) {
  return JuteWriter().number(0).text("digest").text(user + ":" + password).out();
}

}  // namespace coord::engines::zookeeper
