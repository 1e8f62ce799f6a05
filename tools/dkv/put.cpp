// SPDX-License-Identifier: MIT
// dkv put and dkv rm: what changes a key.
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "dkv/settings.hpp"
#include "process/boot_time.hpp"
#include "wire/native_messages.hpp"

namespace coord::dkv {

namespace {

constexpr std::size_t longest_value = 64U << 10U;  // the service's bound

Result<std::string> read_stdin(std::size_t longest) {
  std::string text;
  char buffer[4096];
  while (text.size() <= longest) {
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{ErrorKind::data, "standard input", std::strerror(errno), "give VALUE"};
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

Result<cli::Exit> order(const Settings& settings, service::AnyOrder what) {
  const std::string object = cli::shown(settings.key);
  auto peer = connect(settings);
  if (!peer) return peer.error();
  const Instant end = cli::must_answer_by(*peer, process::boot_now());
  if (Status sent = peer->send(local::Order{1, std::move(what)}); !sent) return sent.error();
  for (;;) {
    auto answer = peer->wait(end);
    if (!answer) return not_answered(object, answer.error());
    if (!answer->has_value())
      return not_answered(object, Error{ErrorKind::unknown, object, "the peer does not answer", ""});
    if (const auto* refused = std::get_if<local::Refused>(&**answer))
      return cli::refused_by_peer(object, *refused);
    const auto* ordered = std::get_if<local::Ordered>(&**answer);
    if (ordered == nullptr) continue;
    if (ordered->done) {
      if (settings.json)
        cli::print(cli::JsonObject()
                       .name("key", settings.key)
                       .integer("version", ordered->token.value)
                       .text("scope", name_of(peer->welcome().scope))
                       .line());
      return cli::Exit::done;
    }
    if (ordered->kind != local::RefusedKind::held)
      return cli::refused_by_peer(object, {1, ordered->kind, ordered->why});
    const std::string version =
        ordered->token == Token{} ? "" : fmt::format("version {}: ", ordered->token.value);
    cli::notice("dkv", fmt::format("{}: {}", object, why_not(settings, version + ordered->why)));
    return cli::Exit::no;
  }
}

}  // namespace

service::WantedVersion Settings::wanted() const {
  if (if_absent) return Token{};
  if (if_version) return Token{*if_version};
  return std::nullopt;
}

// The group knows only that another version was wanted: what for, is said by the options.
std::string why_not(const Settings& settings, const std::string& why) {
  const std::size_t at = why.find("the key has another version");
  if (at == std::string::npos) return why;
  const std::string version = why.substr(0, at);  // empty: it has none
  if (settings.if_absent) return version + "the key is there already: dkv get shows it";
  return settings.if_version && version.empty() ? "there is no such key" : why;
}

Result<engine::LocalConnection> connect(const Settings& settings) {
  cli::ConnectOptions how = settings.peer;
  how.native = settings.native;
  auto peer = cli::connect_to_peer(how, "dkv");
  if (peer && peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "the peer of this host", "its release has no keys and values",
                 "install this release's coordd"};
  return peer;
}

Error not_answered(const std::string& object, const Error& why) {
  return Error{ErrorKind::unknown, object, why.what, "it may have taken effect: look with dkv get"};
}

Result<cli::Exit> put(const Settings& settings) {
  const bool from_stdin = settings.value.empty() || settings.value.front() == "-";
  const std::size_t longest = settings.native ? native::longest_value : longest_value;
  auto value = from_stdin ? read_stdin(longest) : Result<std::string>(settings.value.front());
  if (!value) return value.error();
  if (value->size() > longest)
    return Error{ErrorKind::usage, cli::shown(settings.key),
                 fmt::format("its value is longer than {} KiB", longest >> 10U),
                 "keep it in a file, and its name here"};
  if (settings.native) return put_native(settings, std::move(*value));
  if (settings.session) return present(settings, std::move(*value));
  return order(settings, service::PutValue{settings.key, std::move(*value), settings.wanted(), 0, {}});
}

Result<cli::Exit> remove(const Settings& settings) {
  if (settings.native) return remove_native(settings);
  return order(settings, service::RemoveValue{settings.key, settings.wanted(), 0, {}});
}

}  // namespace coord::dkv
