// coordd: the resident peer of a host. Speaks to the other hosts' peers, serves the tools of this one.
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "cli/config.hpp"
#include "cli/run.hpp"
#include "coordd/notify.hpp"
#include "net/key_file.hpp"
#include "peer/peer.hpp"

namespace {

using namespace coord;

constexpr int first_handed_over = 3;

struct Arguments {
  peer::Options peer;
  std::string config;
  std::vector<std::string> peers;
  bool private_peer = false;
  bool keygen = false;
  net::LogLevel level = net::LogLevel::info;
};

// One line an event: time, level, what happened. Debug lines only where asked for.
void log_line(net::LogLevel least, net::LogLevel level, const std::string& line) {
  static constexpr const char* names[] = {"error", "warning", "info", "debug"};
  if (level > least) return;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  ::gmtime_r(&now.tv_sec, &utc);
  char stamp[32];
  (void)std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
  (void)std::fprintf(stderr, "%s.%03ldZ %s %s\n", stamp, now.tv_nsec / 1'000'000,
                     names[static_cast<int>(level)], line.c_str());
}

Result<cli::Exit> serve(const Arguments& arguments) {
  auto settings = peer::check(arguments.peer);
  if (!settings) return settings.error();
  std::signal(SIGPIPE, SIG_IGN);
  boost::asio::io_context io(1);
  const net::Log log = [level = arguments.level](net::LogLevel of, const std::string& line) {
    log_line(level, of, line);
  };
  std::optional<std::string> failure;
  const std::string directory = settings->options.state_dir;
  auto peer = peer::Peer::open(io, std::move(*settings), log, [&](std::optional<std::string> why) {
    failure = std::move(why);
    io.stop();
  });
  if (!peer) return peer.error();
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    coordd::tell_service_manager("STOPPING=1");
    (*peer)->leave();
    signals.async_wait([&](const boost::system::error_code& again, int) {
      if (!again) io.stop();  // asked twice: at once
    });
  });
  (*peer)->start();
  coordd::tell_service_manager("READY=1");
  log(net::LogLevel::info, "peer " + arguments.peer.name + " serves " + arguments.peer.socket);
  io.run();
  if (failure) {
    return Error{ErrorKind::unavailable, directory, *failure,
                 "look at the disk and the file system, then start again"};
  }
  return cli::Exit::done;
}

// A socket that systemd, or the tool that needs us, has made already (sd_listen_fds(3)).
int handed_over_socket() {
  const char* count = std::getenv("LISTEN_FDS");
  const char* pid = std::getenv("LISTEN_PID");
  const bool ours = count != nullptr && pid != nullptr && std::string(count) == "1" &&
                    std::string(pid) == std::to_string(::getpid());
  return ours ? first_handed_over : -1;
}

std::string joined(const std::vector<std::string>& lists) {
  std::string all;
  for (const std::string& list : lists) all += (all.empty() ? "" : ",") + list;
  return all;
}

Result<cli::Exit> act(Arguments& arguments, cli::Options& options) {
  if (arguments.keygen) {
    cli::print(net::new_key_line() + "\n");
    return cli::Exit::done;
  }
  if (arguments.private_peer) {
    arguments.peer.name = "private";
    if (arguments.peer.idle_exit == Duration{}) arguments.peer.idle_exit = std::chrono::seconds(60);
  } else if (!arguments.config.empty() || arguments.peer.name.empty()) {
    const std::optional<std::string> path = cli::find_config(arguments.config);
    if (path) {
      if (Status read = cli::load_config(options, *path); !read) return read.error();
    }
  }
  arguments.peer.peers = joined(arguments.peers);
  arguments.peer.listen_fd = handed_over_socket();
  return serve(arguments);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  peer::Options& peer = arguments.peer;
  cli::Options options("coordd", "the resident peer of a host: serves its tools, agrees with the others");
  options.synopsis("--name NAME --state-dir DIR --socket PATH [options]");
  options.synopsis("[--config FILE]");
  options.synopsis("--keygen", "print a new line for a key file");
  options.value("--name", "NAME", peer.name, "this peer's name, one of those in --peers");
  options.value("--peers", "LIST", arguments.peers, "all peers: a=HOST:PORT,b=...; absent: alone");
  options.value("--listen", "HOST:PORT", peer.listen, "where to listen (its address in --peers)");
  options.value("--key-file", "FILE", peer.key_file, "the group's keys, mode 0600")
      .completes(cli::Completion::file);
  options.value("--state-dir", "DIR", peer.state_dir, "what this peer must not forget")
      .completes(cli::Completion::directory);
  options.value("--socket", "PATH", peer.socket, "where this host's tools come in")
      .env("COORD_SOCKET")
      .completes(cli::Completion::file);
  options
      .value("--admit", "GROUP", peer.admit, "a group whose members may use this peer, besides its own user")
      .minor();
  options.value("--config", "FILE", arguments.config, "the same settings as TOML, `-` as `_`")
      .env("COORD_CONFIG")
      .completes(cli::Completion::file);
  options.flag("--rejoin", peer.rejoin, "this peer lost its state: come back with nothing");
  options.value("--heartbeat", "SECONDS", peer.heartbeat, "of the leader")
      .between(std::chrono::milliseconds(5), std::chrono::seconds(5))
      .minor();
  options.value("--election-low", "SECONDS", peer.election_low, "shortest election time-out")
      .between(std::chrono::milliseconds(10), std::chrono::seconds(60))
      .minor();
  options.value("--election-high", "SECONDS", peer.election_high, "longest election time-out")
      .between(std::chrono::milliseconds(10), std::chrono::seconds(60))
      .minor();
  options.choice("--log-level", "LEVEL", arguments.level,
                 {{"error", net::LogLevel::error},
                  {"warning", net::LogLevel::warning},
                  {"info", net::LogLevel::info},
                  {"debug", net::LogLevel::debug}},
                 "what goes to stderr");
  options.flag("--private", arguments.private_peer, "this user's own peer, alone; ends when idle")
      .excludes("--peers")
      .minor();
  options
      .value("--idle-exit", "SECONDS", peer.idle_exit,
             "a peer alone ends after so long without work (0: never)")
      .between(Duration{}, std::chrono::hours(24 * 365))
      .env("COORD_IDLE_EXIT")
      .minor();
  options.flag("--keygen", arguments.keygen, "print a new key line and end");
  options.example("coordd --keygen > key; chmod 600 key", "a key for the group");
  options.example("coordd --config /etc/coordutils/coordd.toml", "as a service starts it");
  options.does([&] { return act(arguments, options); });
  return cli::run(argc, argv, options);
}
