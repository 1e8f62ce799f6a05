// SPDX-License-Identifier: MIT
#include "coordd/arguments.hpp"

#include <chrono>
#include <optional>

#include "base/format.hpp"
#include "cli/common.hpp"
#include "cli/config.hpp"
#include "cli/host_peer.hpp"

namespace coord::coordd {

void Arguments::join_peers() {
  peer.peers.clear();
  for (const std::string& list : peers) peer.peers += (peer.peers.empty() ? "" : ",") + list;
}

namespace {

// Where the host's peer is found and what it keeps are fixed: tools look nowhere else.
Status read_host_file(cli::Options& options, Arguments& arguments) {
  daemon::Options& peer = arguments.peer;
  peer.host = true;
  peer.name = "host";
  peer.admit = "*";
  peer.socket = cli::host_socket;
  peer.state_dir = cli::host_state;
  const auto there = cli::has_host_peer();
  if (!there) return there.error();
  if (!*there) return done();  // not yet: the peer is there first, then tools are sent to it
  const auto lines = cli::read_config(cli::host_file);
  if (!lines) return lines.error();
  for (const cli::ConfigLine& line : *lines) {
    if (line.key != "admit" && line.key != "idle_exit" && line.key != "log_level" &&
        line.key != "raise_after")
      return Error{ErrorKind::unavailable, line.where, fmt::format("{} cannot be set here", line.key),
                   "remove the line: admit, idle_exit, log_level and raise_after can"};
  }
  return cli::load_config(options, cli::host_file);
}

// COORD_ENGINE is for where nothing is configured.
Status take_engine_of(const std::string& path, const cli::Option* option, daemon::Options& peer) {
  if (option == nullptr || !option->in_environment()) return done();
  const auto lines = cli::read_config(path);
  if (!lines) return lines.error();
  peer.engine.clear();
  for (const cli::ConfigLine& line : *lines) {
    if (line.key == "engine") peer.engine = line.text;
  }
  return done();
}

// In a file, as on the command line: what is said of an engine that is not there is a mistake. In the
// environment it is for whoever has one.
Status check_engine(const Arguments& arguments) {
  if (!arguments.peer.engine.empty()) return done();
  for (const cli::Option* option : arguments.about_engine) {
    if (!option->given() || option->in_environment()) continue;
    return Error{ErrorKind::usage, option->name(), "there is no engine",
                 "name it: --engine URL, or engine = \"URL\""};
  }
  return done();
}

}  // namespace

Status read_configuration(cli::Options& options, Arguments& arguments) {
  if (arguments.private_peer) {
    arguments.peer.name = "private";
    if (arguments.peer.idle_exit == Duration{}) arguments.peer.idle_exit = std::chrono::seconds(60);
  } else if (arguments.host) {
    if (Status read = read_host_file(options, arguments); !read) return read;
  } else if (!arguments.config.empty() || arguments.peer.name.empty()) {
    const std::optional<std::string> path = cli::find_config(arguments.config);
    if (path) {
      if (Status read = cli::load_config(options, *path); !read) return read;
      arguments.config_read = *path;
      if (Status taken = take_engine_of(*path, arguments.engine_option, arguments.peer); !taken) return taken;
    }
  }
  if (Status sense = check_engine(arguments); !sense) return sense;
  // As where a variable is empty: alone, it would grant what the others have.
  for (const std::string& list : arguments.peers) {
    if (list.empty())
      return Error{ErrorKind::usage, "--peers", "is empty",
                   "list every peer, or leave it out for a peer that is alone"};
  }
  arguments.join_peers();
  return done();
}

void declare(cli::Options& options, Arguments& arguments) {
  daemon::Options& peer = arguments.peer;
  options.value("--name", "NAME", peer.name, "this peer's name, one of those in --peers");
  options.value("--peers", "LIST", arguments.peers, "all peers: a=HOST:PORT,b=...; absent: alone");
  options
      .value("--join", "LIST", peer.join,
             "come to a group that is there, by HOST:PORT,... of any of its hosts; without a vote")
      .excludes("--peers");
  arguments.engine_option =
      &options
           .custom(
               "--engine", "URL",
               [&peer](std::string_view url) { return cli::named_engine(url, peer.engine); },
               "an engine keeps the log, as etcd://HOST:PORT,HOST:PORT[/PREFIX]: this peer is its gateway")
           .env("COORD_ENGINE")
           .excludes("--peers")
           .excludes("--join");
  options.flag("--unsafe", peer.unsafe, "accept an engine that may lose holds: redis://")
      .env("COORD_ENGINE_UNSAFE", "1")
      .minor();
  options
      .flag("--native", peer.native,
            "keep no log in the engine: this peer is alone, and for the engine's own keys and locks")
      .needs("--engine")
      .minor();
  arguments.about_engine.push_back(
      &options.value("--engine-user", "NAME", peer.engine_user, "this host's user at the engine")
           .env("COORD_ENGINE_USER")
           .minor());
  arguments.about_engine.push_back(&options
                                        .value("--engine-password-file", "FILE", peer.engine_password_file,
                                               "with that user's password, mode 0600")
                                        .env("COORD_ENGINE_PASSWORD_FILE")
                                        .completes(cli::Completion::file)
                                        .minor());
  arguments.about_engine.push_back(&options
                                        .value("--engine-ca", "FILE", peer.engine_ca,
                                               "authority of the engine's certificate (the system's)")
                                        .env("COORD_ENGINE_CA")
                                        .completes(cli::Completion::file)
                                        .minor());
  arguments.about_engine.push_back(
      &options.value("--engine-cert", "FILE", peer.engine_cert, "this host's certificate for the engine")
           .env("COORD_ENGINE_CERT")
           .completes(cli::Completion::file)
           .minor());
  arguments.about_engine.push_back(&options.value("--engine-key", "FILE", peer.engine_key, "and its key")
                                        .env("COORD_ENGINE_KEY")
                                        .completes(cli::Completion::file)
                                        .minor());
  options.value("--listen", "HOST:PORT", peer.listen, "address to listen on (its own in --peers)");
  options.value("--key-file", "FILE", peer.key_file, "the group's keys, mode 0600")
      .completes(cli::Completion::file);
  options.value("--state-dir", "DIR", peer.state_dir, "the durable state of this peer")
      .completes(cli::Completion::directory);
  options.value("--socket", "PATH", peer.socket, "the socket for this host's tools")
      .env("COORD_SOCKET")
      .completes(cli::Completion::file);
  options.value("--admit", "GROUP", peer.admit, "admit the members of this group, too, or * for all users")
      .minor();
  options.value("--config", "FILE", arguments.config, "the same settings as TOML, `-` as `_`")
      .env("COORD_CONFIG")
      .completes(cli::Completion::file);
  options
      .value("--handed-over", "FILE", arguments.handed_over,
             "file of a lone peer: the group's tokens begin above it")
      .excludes("--engine")
      .completes(cli::Completion::file)
      .minor();
  options.flag("--rejoin", peer.rejoin, "this peer lost its state: come back with nothing");
  options.value("--heartbeat", "SECONDS", peer.heartbeat, "time between two of the leader")
      .between(std::chrono::milliseconds(5), std::chrono::seconds(5))
      .minor();
  options.value("--election-low", "SECONDS", peer.election_low, "shortest election time-out")
      .between(std::chrono::milliseconds(10), std::chrono::seconds(60))
      .minor();
  options.value("--election-high", "SECONDS", peer.election_high, "longest election time-out")
      .between(std::chrono::milliseconds(10), std::chrono::seconds(60))
      .minor();
  options
      .value("--raise-after", "SECONDS", peer.raise_after,
             "raise the group's level once all peers know it for so long")
      .between(Duration{}, std::chrono::hours(24 * 365))
      .minor();
  options
      .value("--forget-after", "SECONDS", peer.forget_after,
             "a host without a vote that was unheard for so long is of the group no more")
      .between(std::chrono::seconds(1), std::chrono::hours(24 * 365))
      .minor();
  options
      .value("--zone", "LABEL", peer.zone,
             "where this host stands (a rack, a site): `dpeers voters` spreads the voters")
      .minor();
  options
      .value("--trace-log", "FILE", arguments.trace_log,
             "append the messages of classical algorithms to FILE, for dclock")
      .completes(cli::Completion::file)
      .minor();
  options.value("--metrics", "ADDRESS:PORT", peer.metrics, "answer GET /metrics there, for monitoring")
      .minor();
  options.flag("--metrics-insecure", peer.metrics_insecure, "also where other hosts can ask").minor();
  options.value("--metrics-names", "NAME", peer.metrics_names, "a lock that is measured by name; at most 64")
      .minor();
  options
      .value("--ring-user-keys", "N", arguments.ring_user_keys,
             "chordctl: so many keys of one user (@USER/...) at most are kept here")
      .minor();
  options.value("--ring-user-bytes", "N", arguments.ring_user_bytes, "so many bytes of their values").minor();
  options.choice("--log-level", "LEVEL", arguments.level,
                 {{"error", net::LogLevel::error},
                  {"warning", net::LogLevel::warning},
                  {"info", net::LogLevel::info},
                  {"debug", net::LogLevel::debug}},
                 "error, warning, info or debug (info)");
  options.flag("--private", arguments.private_peer, "this user's own peer, alone; ends when idle")
      .excludes("--peers")
      .minor();
  options
      .flag("--host", arguments.host, "the peer of all users of this host, alone: see /etc/coordutils/host")
      .excludes("--peers")
      .excludes("--private")
      .excludes("--config")
      .minor();
  options
      .value("--idle-exit", "SECONDS", peer.idle_exit,
             "a peer alone ends after so long without work (0: never)")
      .between(Duration{}, std::chrono::hours(24 * 365))
      .excludes("--peers")
      .env("COORD_IDLE_EXIT")
      .minor();
  options.flag("--check-config", arguments.check_config, "print the resulting settings, and end");
  options
      .flag("--new-epoch", arguments.new_epoch,
            "the engine was restored from a backup: void all that is held, and begin anew above all tokens")
      .needs("--engine")
      .excludes("--check-config");
  options
      .flag("--first", arguments.first,
            "the engine's log is the right one: gateways that have not seen it before may serve")
      .needs("--engine")
      .excludes("--new-epoch")
      .excludes("--check-config");
  options.flag("--setup", arguments.setup, "make this the first host of a group: key and configuration")
      .excludes("--private")
      .excludes("--host")
      .excludes("--check-config")
      .excludes("--keygen");
  options
      .value("--address", "HOST[:PORT]", arguments.address,
             "with --setup: this peer's own address (port 7411)")
      .needs("--setup");
  options
      .value("--join-file", "FILE", arguments.join_file,
             "make this a further host of the group, by the file of the first one; - reads it")
      .completes(cli::Completion::file)
      .excludes("--setup")
      .excludes("--private")
      .excludes("--host")
      .excludes("--check-config")
      .excludes("--keygen")
      .excludes("--peers");
  options
      .flag("--without-vote", arguments.without_vote,
            "with --join-file: one more host, which is none of the peers in it")
      .needs("--join-file");
  options
      .value("--found-from", "SOURCE", arguments.found_from,
             "the majority is lost for good: begin a new group with a state directory or backup; - reads")
      .completes(cli::Completion::file)
      .excludes("--setup")
      .excludes("--join-file")
      .excludes("--private")
      .excludes("--host")
      .excludes("--rejoin")
      .excludes("--check-config")
      .excludes("--keygen");
  options.flag("--keygen", arguments.keygen, "print a new key line and end");
}

}  // namespace coord::coordd
