// SPDX-License-Identifier: MIT
// coordd: the resident peer of a host. Speaks to the other hosts' peers, serves the tools of this one.
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "cli/authority.hpp"
#include "cli/host_peer.hpp"
#include "cli/run.hpp"
#include "coordd/arguments.hpp"
#include "coordd/failed_start.hpp"
#include "coordd/found.hpp"
#include "coordd/inherited.hpp"
#include "coordd/new_epoch.hpp"
#include "coordd/notify.hpp"
#include "coordd/parts.hpp"
#include "coordd/reload.hpp"
#include "coordd/service_user.hpp"
#include "coordd/setup.hpp"
#include "coordd/spare_memory.hpp"
#include "coordd/trace_log.hpp"
#include "daemon/daemon.hpp"
#include "daemon/journal.hpp"
#include "daemon/log_thread.hpp"
#include "net/descriptor_room.hpp"
#include "net/key_file.hpp"

namespace {

using namespace coord;

constexpr int first_handed_over = 3;

using coordd::Arguments;

constexpr std::chrono::seconds startup_lasts{5}, spares_memory_every{60};
constexpr std::chrono::milliseconds last_lines{200};  // for the log to go out at the end

// Whoever has the key is a peer: no core file, and no other process of this user, may show it.
void hide_memory() {
  (void)::prctl(PR_SET_DUMPABLE, 0);
}

// At a terminal HUP means that it is closed: then it ends this peer, as it does any program.
bool has_terminal() {
  return Descriptor(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)).is_open();
}

// What HUP has read: the keys and the level count from now on, the rest is told of.
void take_over(daemon::Daemon& peer, daemon::LogThread& log, const Arguments& running,
               Result<coordd::Settings> wanted) {
  coordd::tell_service_manager("READY=1");
  if (!wanted) {
    log.log(net::LogLevel::error, fmt::format("reload: nothing is changed: {}", wanted.error().text()));
    return;
  }
  log.set_level(wanted->arguments.level);
  const std::string keys = wanted->keys && peer.set_keys(*wanted->keys) ? "keys and log level" : "log level";
  log.log(net::LogLevel::info, fmt::format("reload: {} read again", keys));
  if (const std::string others = coordd::need_restart(running, wanted->arguments); !others.empty())
    log.log(net::LogLevel::warning, fmt::format("reload: need a restart: {}", others));
}

// Forwards HUP to the reloader, for ever.
void reload_at(boost::asio::signal_set& hup, coordd::Reloader& reloader) {
  hup.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    coordd::tell_reloading();
    reloader.begin();
    reload_at(hup, reloader);
  });
}

void spare_memory_after(boost::asio::steady_timer& timer, std::chrono::seconds time) {
  timer.expires_after(time);
  timer.async_wait([&timer](const boost::system::error_code& error) {
    if (error) return;
    coordd::spare_memory();
    spare_memory_after(timer, spares_memory_every);
  });
}

bool is_of_leader(const net::LogFields& fields) {
  return std::ranges::any_of(fields, [](const auto& field) {
    return std::string_view(field.first) == "COORD_EVENT" && field.second == "leader";
  });
}

// How its last life in this process has ended.
struct Anew {
  std::optional<bool> keep_log;  // nothing: it is over
  bool without_its_disk = false;
  net::Address by{};
  std::optional<LogIndex> registered_at{};
  std::shared_ptr<net::KeptSocket> tools_socket{};
};

Result<cli::Exit> serve_until_stopped(const Arguments& arguments,
                                      const std::vector<std::string>& command_line, daemon::Settings settings,
                                      daemon::LogThread& lines, Anew& anew) {
  boost::asio::io_context io(1);
  boost::asio::signal_set hup(io);
  if (!has_terminal()) hup.add(SIGHUP);
  net::Log log([&lines](net::LogLevel level, const std::string& line) { lines.log(level, line); },
               [&lines](net::LogLevel level) { return lines.wants(level); });
  log.set_audit([&](const std::string& line, net::LogFields fields) {
    if (is_of_leader(fields)) coordd::tell_status(fmt::format("{}: {}", arguments.peer.name, line));
    lines.log(net::LogLevel::info, line, std::move(fields));
  });
  std::optional<Error> failure;
  const std::string directory = settings.options.state_dir;
  const auto stopped = [&](std::optional<Error> why) {
    failure = std::move(why);
    io.stop();
  };
  settings.options.waits = [&](const std::string& why) {
    // Ready it is only when it serves; until then each address that is silent may take two seconds.
    coordd::tell_service_manager("EXTEND_TIMEOUT_USEC=120000000");
    coordd::tell_status(fmt::format("{}: waits to be let in: {}", arguments.peer.name, why));
  };
  if (Status can = coordd::check_parts(arguments.trace_log); !can) return can.error();
  std::unique_ptr<coordd::TraceLog> trace_log;
  if (!arguments.trace_log.empty()) {
    auto opened = coordd::TraceLog::open(arguments.trace_log, arguments.peer.name);
    if (!opened) return opened.error();
    trace_log = std::move(*opened);
  }
  const auto parts = [&](const node::Setting& setting) {
    return coordd::make_parts(setting, directory, log, trace_log.get());
  };
  const coordd::RingQuota quota{arguments.ring_user_keys, arguments.ring_user_bytes};
  const auto workers = [alone = settings.alone(), quota](NodeId self, const std::string& at) {
    return coordd::make_workers(self, at, alone, quota);
  };
  auto peer = daemon::Daemon::open(io, std::move(settings), log, stopped, parts, workers);
  if (!peer) return peer.error();
  coordd::Reloader reloader(io, command_line, [&](Result<coordd::Settings> wanted) {
    take_over(**peer, lines, arguments, std::move(wanted));
  });
  reload_at(hup, reloader);
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
  boost::asio::steady_timer sparing(io);
  spare_memory_after(sparing, startup_lasts);
  coordd::tell_service_manager("READY=1");
  coordd::tell_status(fmt::format("{}: no leader yet", arguments.peer.name));
  log(net::LogLevel::info, fmt::format("peer {} serves {}", arguments.peer.name, arguments.peer.socket));
  io.run();
  anew = {(*peer)->begins_anew(), (*peer)->begins_without_its_disk(), (*peer)->begins_by(),
          (*peer)->registered_at(), (*peer)->tools_socket()};
  if (failure) return *failure;
  return cli::Exit::done;
}

Result<cli::Exit> serve(const Arguments& arguments, const std::vector<std::string>& command_line) {
  auto settings = daemon::check(arguments.peer);
  if (!settings) return settings.error();
  if (settings->keys) hide_memory();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of that write
  net::raise_descriptor_limit();
  daemon::LogThread lines(STDERR_FILENO, arguments.level);
  Anew anew;
  auto ended = serve_until_stopped(arguments, command_line, std::move(*settings), lines, anew);
  // It votes now, or does not any more: as another one, with the keys as they are by now.
  while (ended && anew.keep_log) {
    settings = daemon::check(arguments.peer);
    if (!settings) return settings.error();
    settings->comes_anew = anew.without_its_disk;
    settings->began_by = anew.by;
    settings->tools_socket = std::move(anew.tools_socket);
    if (!anew.without_its_disk) settings->registered_at = anew.registered_at;  // under the same number
    settings->keep_log = std::exchange(anew, {}).keep_log;
    ended = serve_until_stopped(arguments, command_line, std::move(*settings), lines, anew);
  }
  // Nobody reads standard error: another line there would wait for ever.
  if (!lines.finish(last_lines)) ::_exit(static_cast<int>(ended ? *ended : cli::exit_of(ended.error().kind)));
  return ended;
}

// --check-config: what this peer would be. Nothing is started, made or looked at beyond
// configuration and keys.
Result<cli::Exit> describe(const Arguments& arguments) {
  const auto settings = [&] {
    const coordd::AsServiceUser unit(arguments.config_read);
    return daemon::check(arguments.peer);
  }();
  if (!settings) return settings.error();
  std::string text =
      fmt::format("{}: right\n", arguments.config_read.empty() ? "command line" : arguments.config_read);
  const auto line = [&text](const std::string& what, const std::string& is) {
    text += fmt::format("  {}{}{}\n", what, std::string(what.size() < 10 ? 10 - what.size() : 1, ' '), is);
  };
  line("peer", settings->name + (settings->is_gateway() ? ", a gateway"
                                 : settings->alone()    ? ", alone"
                                 : settings->joins()    ? ", without a vote"
                                                        : ""));
  if (settings->is_gateway()) line("engine", settings->engine_access.url.text());
  for (const net::Address& address : settings->join) line("joins", address.text());
  if (!settings->alone()) {
    for (const auto& [id, other] : settings->roster.all()) {
      if (other.name != settings->name)
        line("with", fmt::format("{} at {}", other.name, other.address.text()));
    }
    line("listens", fmt::format("{}, TCP and UDP", settings->listen.text()));
    line("keys", fmt::format("{} in {}", settings->keys->keys().size(),
                             daemon::keys_path(arguments.peer.state_dir, arguments.peer.key_file)));
  }
  line("state", arguments.peer.state_dir);
  line("socket", arguments.peer.socket);
  line("admits", arguments.peer.admit.empty() ? "root and its own user"
                 : settings->admits_all
                     ? "all users"
                     : fmt::format("root, its own user, and the group {}", arguments.peer.admit));
  cli::print(text);
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

Result<cli::Exit> act(Arguments& arguments, cli::Options& options,
                      const std::vector<std::string>& command_line) {
  if (arguments.keygen) {
    cli::print(fmt::format("{}\n", net::new_key_line()));
    return cli::Exit::done;
  }
  if (arguments.setup) return coordd::set_up(arguments);
  if (!arguments.join_file.empty()) return coordd::join(arguments);
  if (Status read = coordd::read_configuration(options, arguments); !read) return read.error();
  if (arguments.new_epoch) return coordd::begin_new_epoch(arguments);
  if (arguments.first) return coordd::confirm_log(arguments);
  if (arguments.private_peer && arguments.peer.engine.empty()) {
    arguments.peer.elsewhere = [directory = arguments.peer.state_dir] {
      return cli::private_socket(directory);
    };
    arguments.peer.given_up = [] {
      const auto there = cli::has_host_peer();
      return there && *there;
    };
  }
  if (!arguments.peers.empty() || !arguments.peer.join.empty()) {
    const auto floor = [&] {
      const bool starts = !arguments.check_config && arguments.found_from.empty();
      const coordd::AsServiceUser unit(starts ? "" : arguments.config_read);
      return coordd::inherited_tokens(arguments);
    }();
    if (!floor) return floor.error();
    arguments.peer.token_floor = *floor;
  }
  if (arguments.check_config) return describe(arguments);
  if (!arguments.found_from.empty()) return coordd::found_from(arguments);
  arguments.peer.listen_fd = handed_over_socket();
  return serve(arguments, command_line);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  cli::Options options("coordd", "the resident peer of a host: serves its tools, agrees with the others");
  options.manual_section(8);
  options.synopsis("--name NAME --state-dir DIR --socket PATH [options]");
  options.synopsis("[--config FILE]");
  options.synopsis("--name NAME --join HOST:PORT[,...] [options]", "one more host of a group that is there");
  options.synopsis("--engine URL [--new-epoch|--first] [options]",
                   "the gateway to an engine that keeps the log");
  options.synopsis("--check-config [--config FILE]", "is the configuration right");
  options.synopsis("--setup [--name NAME] [--address HOST] [--peers LIST]", "the first host of a group");
  options.synopsis("--join-file FILE|-", "a further one");
  options.synopsis("--found-from SOURCE", "a group again after the loss of its majority");
  options.synopsis("--keygen", "print a new line for a key file");
  coordd::declare(options, arguments);
  options.example("coordd --setup --peers alpha=192.0.2.1,beta=192.0.2.2", "the first host of a group");
  const std::vector<std::string> command_line(argv + std::min(argc, 1), argv + argc);
  // A peer that runs closes its own.
  const Descriptor socket(coordd::runtime_directory() ? ::fcntl(handed_over_socket(), F_DUPFD_CLOEXEC, 0)
                                                      : -1);
  std::string why;
  options.does([&]() -> Result<cli::Exit> {
    auto ended = act(arguments, options, command_line);
    const auto kept = coordd::runtime_directory();
    if (ended) return ended;
    why = ": " + ended.error().what;
    coordd::tell_status(ended.error().text());
    if (kept && coordd::said_lately(*kept, ended.error().text())) return cli::exit_of(ended.error().kind);
    const Descriptor journal = daemon::open_journal(STDERR_FILENO);
    if (journal.is_open() && daemon::send_to_journal(journal, net::LogLevel::error, ended.error().text(),
                                                     {{"COORD_EVENT", "failed"}}))
      return cli::exit_of(ended.error().kind);
    return ended;
  });
  const int status = cli::run(argc, argv, options);
  const bool is_for_a_person =
      status == static_cast<int>(cli::Exit::usage) || status == static_cast<int>(cli::Exit::data);
  if (is_for_a_person && socket.is_open())
    coordd::turn_away(socket.get(), "the peer cannot start, and only a person can mend that" + why);
  return status;
}
