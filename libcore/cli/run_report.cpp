// SPDX-License-Identifier: MIT
#include "cli/run_report.hpp"

#include <utility>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/output_file.hpp"
#include "cli/run.hpp"

namespace coord::cli {

Result<RunReport> RunReport::open(const std::string& path) {
  RunReport report;
  report.path_ = path;
  if (path.empty()) return report;
  auto file = open_report_file(path, fmt::format("report {}", shown(path)));
  if (!file) return file.error();
  report.file_ = std::move(*file);
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
  for (const auto& [type, count] : entry ? entry->messages : messages) counts.integer(type, count);
  object.object("messages", counts);
  if (entry) {
    object.text("algorithm", entry->algorithm);
    if (entry->has_epochs) object.id("epoch", entry->epoch);
    JsonArray sites;
    for (const std::string& site : entry->sites) sites.text(site);
    object.array("sites", sites);
    if (entry->delays) {
      object.integer("delays", *entry->delays);
    } else {
      object.null("delays");
    }
    if (entry->has_epochs && entry->delays) object.text("delays_from", entry->from_exit ? "exit" : "wish");
    if (entry->has_epochs && !entry->delays) object.null("delays_from");
    if (entry->has_epochs)
      object.integer("epoch_sent", entry->epoch_sent).integer("epoch_received", entry->epoch_received);
  }
  return write_output_file(file_, object.line(), fmt::format("report {}", shown(path_)));
}

Exit RunReport::never_started(std::string_view tool, Exit exit) {
  outcome = "ran";
  status = static_cast<int>(exit);
  if (const Status written = write(); !written) complain(tool, written.error());
  return exit;
}

}  // namespace coord::cli
