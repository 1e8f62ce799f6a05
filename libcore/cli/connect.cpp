// SPDX-License-Identifier: MIT
#include "cli/connect.hpp"

#include <poll.h>

#include "base/engine_url.hpp"
#include "base/format.hpp"
#include "cli/authority.hpp"
#include "cli/autostart.hpp"
#include "cli/host_peer.hpp"
#include "cli/run.hpp"
#include "process/boot_time.hpp"

namespace coord::cli {

namespace {

constexpr int look_again_ms = 10;
constexpr int most_tries = 5;  // a private peer may be just ending, idle, when we connect
// whatever -w says: it is of the machine's doing
constexpr Duration start_patience = std::chrono::seconds(5);

// `started`: we have tried to start it.
Error cannot_reach(const Authority& authority, const Error& error, bool started) {
  Error explained = error;
  if (authority.kind == Authority::Kind::system) {
    if (explained.remedy.starts_with("start coordd"))
      explained.remedy = "start its service: systemctl start coordd";
  } else if (authority.kind == Authority::Kind::host) {
    if (explained.remedy.starts_with("start coordd"))
      explained.remedy = std::string("systemctl start coordd-host.socket, or have root remove ") + host_file;
  } else if (authority.may_be_started()) {
    const std::string said = last_words(authority);
    if (!said.empty()) {
      explained.what += fmt::format("; it said: {}", said);
      explained.remedy.clear();  // what it said ends with one
    } else if (started) {
      explained.what += "; one that was started ended at once and could not say why";
      explained.remedy = fmt::format("make room on its file system: see {}.log", authority.socket);
    }
  }
  return explained;
}

// A peer that holds the state directory and does not answer: it begins, ends, or is
// about to listen elsewhere.
Error not_reached(const Authority& authority, const Error& error) {
  const std::string process =
      *authority.running > 0 ? fmt::format("process {}", *authority.running) : "another process";
  return Error{ErrorKind::unavailable, error.object.empty() ? authority.state_dir : error.object,
               fmt::format("{}, but {} uses {}", error.what, process, authority.state_dir),
               "look whether it is a peer that is stopped, and end it"};
}

Error not_started(const Authority& authority) {
  const std::string said = last_words(authority);
  return Error{
      ErrorKind::unavailable, authority.socket,
      fmt::format("the peer did not start{}", said.empty() ? "" : fmt::format("; it said: {}", said)),
      "this host may be overloaded, or its disk hang: try again"};
}

engine::Trust trust_of(const Authority& authority) {
  return {authority.system_user, authority.token_floor};
}

struct Reached {
  Authority authority;
  engine::LocalConnection peer;
};

// `may_ask`: of an authority whose peer may be asked, before it is.
Result<Reached> reach(const ConnectOptions& options, const std::string& tool, const engine::Spoken* first,
                      const std::function<void()>& meanwhile,
                      const std::function<Status(const Authority&)>& may_ask) {
  const Instant began = process::boot_now();
  for (int tries = 1;;) {
    const auto authority = find_authority(options.socket, options.config, options.engine, options.unsafe,
                                          is_default_engine(options), options.native);
    if (!authority) return authority.error();
    if (Status may = may_ask(*authority); !may) return may.error();
    const bool started = tries > 1;
    const Duration patience = started ? std::max(options.patience, start_patience) : options.patience;
    const Instant asked = process::boot_now();
    auto peer = engine::LocalConnection::open(authority->socket, tool, first, trust_of(*authority), patience,
                                              meanwhile);
    if (peer) return Reached{*authority, std::move(*peer)};
    // One that is there and silent: another would find its place taken.
    if (process::boot_now() - asked >= patience) return started ? not_started(*authority) : peer.error();
    if (!authority->may_be_started()) return cannot_reach(*authority, peer.error(), false);
    if (authority->running) {
      if (process::boot_now() - began >= patience) return not_reached(*authority, peer.error());
      ::poll(nullptr, 0, look_again_ms);
      continue;
    }
    if (options.no_autostart || tries == most_tries) return cannot_reach(*authority, peer.error(), started);
    ++tries;
    if (auto launched = start_peer(*authority); !launched) return launched.error();
  }
}

Status check_scope(Scope asked, local::Scope is, const std::string& socket) {
  const bool fits = asked == Scope::any || (asked == Scope::cluster && is == local::Scope::cluster) ||
                    (asked == Scope::host && is == local::Scope::host) ||
                    (asked == Scope::private_peer && is == local::Scope::private_peer) ||
                    (asked == Scope::engine && is == local::Scope::engine) ||
                    (asked == Scope::cluster && is == local::Scope::engine);
  if (fits) return done();
  const std::string instead = fmt::format("ask for --scope {}, or leave --scope away", name_of(is));
  if (is == local::Scope::engine)
    return Error{ErrorKind::unavailable, socket, "an engine keeps the log of this host's peer", instead};
  if (asked == Scope::engine)
    return Error{ErrorKind::unavailable, socket, "no engine keeps the log of this host's peer",
                 fmt::format("give --engine URL, or {}", instead)};
  if (is == local::Scope::cluster)
    return Error{ErrorKind::unavailable, socket, "this host's peer belongs to a group", instead};
  if (asked == Scope::cluster)
    return Error{ErrorKind::unavailable, socket,
                 is == local::Scope::host ? "this host's peer is alone, it has no others"
                                          : "this host's peer is private, it has no others",
                 fmt::format("give coordd --peers and --key-file, or {}", instead)};
  return Error{ErrorKind::unavailable, socket,
               is == local::Scope::host ? "this host's peer is that of all its users"
                                        : "this host's peer is this user's alone",
               instead};
}

Result<engine::LocalConnection> connect(const ConnectOptions& options, const std::string& tool,
                                        const engine::Spoken* first,
                                        const std::function<void()>& meanwhile = {}) {
  // One that would only be started to be refused.
  const auto may_ask = [&](const Authority& authority) -> Status {
    if (options.scope == Scope::any || options.scope == Scope::private_peer ||
        authority.kind != Authority::Kind::private_peer || !authority.engine.empty())
      return done();
    if (options.scope == Scope::engine)
      return Error{ErrorKind::unavailable, "--scope engine", "no engine is named", "give --engine URL"};
    if (options.scope == Scope::host)
      return Error{ErrorKind::unavailable, "--scope host", "this host has no peer of all its users",
                   fmt::format("install the package's, which {} tells of", host_file)};
    return Error{ErrorKind::unavailable, "--scope cluster", "this host is in no group: nothing is configured",
                 "write /etc/coordutils/coordd.toml, or name a peer with --socket"};
  };
  auto reached = reach(options, tool, first, meanwhile, may_ask);
  if (!reached) return reached.error();
  const std::string& socket = reached->authority.socket;
  const local::Scope scope = reached->peer.welcome().scope;
  if (Status fits = check_scope(options.scope, scope, socket); !fits) return fits.error();
  return std::move(reached->peer);
}

}  // namespace

Result<engine::LocalConnection> connect_to_peer(const ConnectOptions& options, const std::string& tool) {
  return connect(options, tool, nullptr);
}

Result<engine::LocalConnection> connect_to_peer(const ConnectOptions& options, const std::string& tool,
                                                const engine::Spoken& first,
                                                const std::function<void()>& meanwhile) {
  // A peer of the wrong scope must not even be asked.
  if (options.scope == Scope::any) return connect(options, tool, &first, meanwhile);
  auto peer = connect(options, tool, nullptr, meanwhile);
  if (!peer) return peer;
  if (Status sent = peer->send(first); !sent) return sent.error();
  return peer;
}

ConnectOptions in_time(ConnectOptions options, const std::optional<Duration>& wait, bool no_wait) {
  constexpr Duration at_once = std::chrono::seconds(1);
  // -w of a moment is no reason to give up a peer that is only slow.
  constexpr Duration shortest = std::chrono::milliseconds(500);
  if (no_wait) options.patience = std::min(options.patience, at_once);
  if (wait) options.patience = std::min(options.patience, std::max(*wait, shortest));
  return options;
}

Instant must_answer_by(const engine::LocalConnection& peer, Instant asked) {
  constexpr Duration leader = std::chrono::seconds(1);  // of a peer that does not say
  constexpr Duration log = std::chrono::milliseconds(2750);
  return asked + std::max<Duration>(leader, peer.welcome().leader_patience) + log;
}

std::string no_quorum_text(const std::string& not_begun) {
  return not_begun.empty() ? "no quorum: a majority of the peers cannot be reached" : not_begun;
}

namespace {

// How long an engine has no leader when that dies; 0: it has none. Who names a gateway's socket does not say
// which engine that has.
Duration without_leader(const ConnectOptions& options) {
  const auto authority = find_authority(options.socket, options.config, options.engine, options.unsafe,
                                        is_default_engine(options), options.native);
  const auto url = authority && !authority->engine.empty() ? parse_engine_url(authority->engine)
                                                           : Result<EngineUrl>(EngineUrl{});
  switch (url ? url->kind : EngineUrl::Kind::etcd) {
    case EngineUrl::Kind::etcd:
      return std::chrono::seconds(2);
    case EngineUrl::Kind::zookeeper:
      return std::chrono::milliseconds(1500);
    case EngineUrl::Kind::consul:
      return std::chrono::seconds(4);
    default:
      return Duration{};
  }
}

}  // namespace

void warn_of_short_lease(const std::string& tool, const ConnectOptions& options, local::Scope scope,
                         Duration ttl) {
  if (scope != local::Scope::engine) return;
  const Duration change = without_leader(options), outlasts = change * 3 / 2;
  if (ttl >= outlasts) return;
  constexpr auto second = std::chrono::seconds(1);
  notice(
      tool,
      fmt::format(
          "a change of the engine's leader ends this hold: it takes {} s, so give a --ttl of {} s at least",
          (change + second / 2) / second, std::chrono::ceil<std::chrono::seconds>(outlasts) / second));
}

Result<Again> connect_again(const ConnectOptions& options, const std::string& tool) {
  const auto authority = find_authority(options.socket, options.config, options.engine, options.unsafe,
                                        is_default_engine(options), options.native);
  if (!authority) return authority.error();
  auto peer = engine::LocalConnection::begin(authority->socket, tool, trust_of(*authority));
  if (peer || !authority->may_be_started() || authority->running || options.no_autostart) {
    if (!peer) return peer.error();
    return Again{std::move(*peer), 0};
  }
  const auto started = start_peer(*authority);
  if (!started) return started.error();
  peer = engine::LocalConnection::begin(authority->socket, tool, trust_of(*authority));
  if (!peer) return peer.error();
  return Again{std::move(*peer), *started};
}

std::string why_it_ended(const ConnectOptions& options) {
  const auto authority = find_authority(options.socket, options.config, options.engine, options.unsafe,
                                        is_default_engine(options), options.native);
  return authority && authority->may_be_started() ? last_words(*authority) : "";
}

}  // namespace coord::cli
