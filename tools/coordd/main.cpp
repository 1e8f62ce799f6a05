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
#include "coordd/arguments.hpp"
#include "coordd/notify.hpp"
#include "net/descriptor_room.hpp"
#include "net/key_file.hpp"
#include "peer/peer.hpp"

namespace {

using namespace coord;

constexpr int first_handed_over = 3;

using coordd::Arguments;

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
  net::raise_descriptor_limit();
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
  // As where a variable is empty: alone, it would grant what the others have.
  for (const std::string& list : arguments.peers) {
    if (list.empty())
      return Error{ErrorKind::usage, "--peers", "is empty",
                   "list every peer, or leave it out for a peer that is alone"};
  }
  arguments.join_peers();
  arguments.peer.listen_fd = handed_over_socket();
  return serve(arguments);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  cli::Options options("coordd", "the resident peer of a host: serves its tools, agrees with the others");
  options.manual_section(8);
  options.synopsis("--name NAME --state-dir DIR --socket PATH [options]");
  options.synopsis("[--config FILE]");
  options.synopsis("--keygen", "print a new line for a key file");
  coordd::declare(options, arguments);
  options.example("coordd --keygen > key; chmod 600 key", "a key for the group");
  options.example("coordd --config /etc/coordutils/coordd.toml", "as a service starts it");
  options.does([&] { return act(arguments, options); });
  return cli::run(argc, argv, options);
}
