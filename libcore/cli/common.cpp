// SPDX-License-Identifier: MIT
#include "cli/common.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/format.hpp"
#include "cli/authority.hpp"
#include "cli/names.hpp"
#include "cli/output_file.hpp"

namespace coord::cli {

Status named_engine(std::string_view url, std::string& engine) {
  if (url.empty()) return Error{ErrorKind::usage, "", "is empty", "name the engine, or leave it out"};
  engine = url;
  return done();
}

void add_peer_options(Options& options, ConnectOptions& target) {
  options.value("--socket", "PATH", target.socket, "the peer's socket")
      .env("COORD_SOCKET")
      .completes(Completion::file)
      .minor();
  options.value("--config", "FILE", target.config, "configuration file")
      .env("COORD_CONFIG")
      .completes(Completion::file)
      .minor();
  target.engine_option =
      &options
           .custom(
               "--engine", "URL",
               [&target](std::string_view url) { return named_engine(url, target.engine); },
               "an engine keeps the log: etcd://HOST:PORT,...[/PREFIX], zookeeper://, consul://, postgres://")
           .env("COORD_ENGINE")
           .excludes("--socket")
           .excludes("--config")
           .minor();
  options.flag("--unsafe", target.unsafe, "accept an engine that may lose holds: redis://")
      .env("COORD_ENGINE_UNSAFE", "1")
      .minor();
  options
      .choice("--scope", "SCOPE", target.scope,
              {{"private", Scope::private_peer},
               {"host", Scope::host},
               {"cluster", Scope::cluster},
               {"engine", Scope::engine}},
              "private, host, cluster or engine: refuse the other kinds")
      .env("COORD_SCOPE")
      .minor();
  options.flag("--no-autostart", target.no_autostart, "never start a peer")
      .env("COORD_AUTOSTART", "no")
      .minor();
}

void default_ttl(const ConnectOptions& options, const Option& ttl, Duration& value) {
  constexpr Duration with_engine = std::chrono::seconds(30);
  if (ttl.given() || !options.socket.empty()) return;
  if (is_behind_engine(options.config, options.engine, is_default_engine(options))) value = with_engine;
}

bool is_default_engine(const ConnectOptions& options) {
  return options.engine_option != nullptr && !options.engine_option->on_command_line();
}

void add_output_options(Options& options, OutputOptions& target, std::vector<std::string> listings) {
  options.flag("--json", target.json, "one JSON object a line").only_with(std::move(listings)).minor();
  options.flag("-q,--quiet", target.quiet, "print errors only").minor();
  options.count("--verbose", target.verbose, "report each step").minor();
}

void add_report_option(Options& options, OutputOptions& target) {
  options.value("--report", "FILE", target.report, "write the outcome to FILE as JSON")
      .without_mode()
      .completes(Completion::file)
      .minor();
}

Status write_report(const std::string& path, const JsonObject& report) {
  const std::string object = fmt::format("report {}", shown(path));
  auto file = open_output_file(path, object);
  if (!file) return file.error();
  if (Status written = write_output_file(*file, report.line(), object); !written) return written;
  if (::close(file->release()) == 0 || errno == EINTR) return done();
  return Error{ErrorKind::output, object, std::strerror(errno), "give a file that can be written"};
}

}  // namespace coord::cli
