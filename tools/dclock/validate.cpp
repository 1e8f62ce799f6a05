// SPDX-License-Identifier: MIT
// dclock validate: every rule of a valid log, with file and line.
#include <memory>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/run.hpp"
#include "clock/log_validate.hpp"
#include "log_files.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

struct ValidateSettings {
  LogChoice logs;
  bool json = false, quiet = false;
  std::size_t most = 1000;
};

std::string plural(std::uint64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void print_violation(const ValidateSettings& s, const clock::Violation& violation, const std::string& file,
                     const std::string& host) {
  const std::string_view rule = to_string(violation.rule);
  if (s.json) {
    cli::JsonObject item;
    item.name("file", file)
        .integer("line", violation.line_number)
        .text("rule", rule)
        .name("host", host)
        .text("detail", violation.detail);
    cli::print(cli::JsonObject().object("violation", item).line());
  } else {
    cli::print(fmt::format("{}:{}: {}: {}: {}\n", file, violation.line_number, rule, host, violation.detail));
  }
}

Result<cli::Exit> validate(const ValidateSettings& s) {
  clock::HostTable hosts;
  auto readers = open_logs(s.logs, hosts);
  if (!readers) return readers.error();
  std::vector<clock::LogReader> logs;
  for (auto& reader : *readers) logs.push_back(std::move(*reader));
  const auto validation = clock::validate(logs, hosts, s.most);
  if (!validation) return validation.error();
  tell_skipped(validation->skipped);
  const bool valid = validation->violations.empty();
  if (s.quiet) return valid ? cli::Exit::done : cli::Exit::no;
  for (const auto& violation : validation->violations)
    print_violation(s, violation, logs[violation.log].name(), hosts.name(violation.host));
  if (!validation->complete) cli::notice("dclock", "there are more violations: --max lists them");
  if (valid && !s.json)
    cli::print(fmt::format("valid: {} of {}\n", plural(validation->events, "event"),
                           plural(validation->hosts, "host")));
  return valid ? cli::Exit::done : cli::Exit::no;
}

}  // namespace

void add_validate(cli::Options& tool) {
  auto& verb = tool.verb("validate", "check every rule of a valid log; name file and line");
  auto s = std::make_shared<ValidateSettings>();
  verb.synopsis("[options] [LOG...]", "statuses: 0 valid, 1 not valid, 65 unreadable");
  verb.flag("--json", s->json, "a JSON object for each violation");
  verb.flag("-q,--quiet", s->quiet, "print nothing, only end with the status");
  verb.value("--max", "COUNT", s->most, "list at most so many violations (1000)").between(1, 1'000'000'000);
  s->logs.declare(verb);
  verb.example("dclock validate *.log", "all logs of one run together");
  verb.does([s] { return validate(*s); });
}

}  // namespace coord::dclock
