#include "cli/run_report.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/json.hpp"
#include "cli/run.hpp"

namespace coord::cli {

namespace {

Error cannot_write(const std::string& path) {
  return Error{ErrorKind::output, path, std::string("the report cannot be written: ") + std::strerror(errno),
               "choose another file with --report"};
}

}  // namespace

Result<RunReport> RunReport::open(const std::string& path) {
  RunReport report;
  report.path_ = path;
  if (path.empty()) return report;
  report.file_ = Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!report.file_.is_open()) return cannot_write(path);
  return report;
}

void RunReport::of_misuse(const std::string& path, const std::string& name) {
  auto report = open(path);
  if (!report) return;
  report->name = name;
  report->outcome = "usage";
  (void)report->write();
}

Status RunReport::write() {
  if (!file_.is_open()) return done();
  JsonObject object;
  object.name("name", name).text("outcome", outcome).text("scope", scope);
  if (token) {
    object.id("token", *token);
  } else {
    object.null("token");
  }
  object.seconds("wait_s", wait);
  if (hold) {
    object.seconds("hold_s", *hold);
  } else {
    object.null("hold_s");
  }
  if (status) {
    object.integer("exit_status", *status).null("signal");
  } else if (command && command->signal == 0) {
    object.integer("exit_status", command->code).null("signal");
  } else if (command) {
    object.null("exit_status").integer("signal", command->signal);
  } else {
    object.null("exit_status").null("signal");
  }
  JsonObject counts;
  for (const auto& [type, count] : messages) counts.integer(type, count);
  object.object("messages", counts);
  const std::string line = object.line();
  std::size_t written = 0;
  while (written < line.size()) {
    const ssize_t count = ::write(file_.get(), line.data() + written, line.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot_write(path_);
    written += static_cast<std::size_t>(count);
  }
  return done();
}

Exit RunReport::never_started(std::string_view tool, Exit exit) {
  outcome = "ran";
  status = static_cast<int>(exit);
  if (const Status written = write(); !written) complain(tool, written.error());
  return exit;
}

}  // namespace coord::cli
