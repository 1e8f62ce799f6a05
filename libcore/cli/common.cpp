#include "cli/common.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "cli/names.hpp"

namespace coord::cli {

void add_peer_options(Options& options, PeerOptions& target) {
  options.value("--socket", "PATH", target.socket, "the peer's socket")
      .env("COORD_SOCKET")
      .completes(Completion::file)
      .minor();
  options.value("--config", "FILE", target.config, "configuration file")
      .env("COORD_CONFIG")
      .completes(Completion::file)
      .minor();
  options
      .choice("--scope", "SCOPE", target.scope,
              {{"private", Scope::private_peer}, {"cluster", Scope::cluster}},
              "private or cluster: refuse the other kind of peer")
      .env("COORD_SCOPE")
      .minor();
  options.flag("--no-autostart", target.no_autostart, "never start a peer")
      .env("COORD_AUTOSTART", "no")
      .minor();
}

void add_output_options(Options& options, OutputOptions& target, std::vector<std::string> listings) {
  options.flag("--json", target.json, "one JSON object a line").only_with(std::move(listings)).minor();
  options.flag("-q,--quiet", target.quiet, "say nothing but errors").minor();
  options.count("--verbose", target.verbose, "say what is done").minor();
}

void add_report_option(Options& options, OutputOptions& target) {
  options.value("--report", "FILE", target.report, "write the outcome to FILE as JSON")
      .without_mode()
      .completes(Completion::file)
      .minor();
}

Status write_report(const std::string& path, const JsonObject& report) {
  const auto failed = [&] {
    return Error{ErrorKind::output, "report " + shown(path), std::strerror(errno),
                 "give a file that can be written"};
  };
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return failed();
  const std::string line = report.line();
  for (std::size_t written = 0; written < line.size();) {
    const ssize_t n = ::write(fd, line.data() + written, line.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const Error error = failed();
      ::close(fd);
      return error;
    }
    written += static_cast<std::size_t>(n);
  }
  if (::close(fd) != 0 && errno != EINTR) return failed();
  return done();
}

}  // namespace coord::cli
