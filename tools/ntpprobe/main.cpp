// SPDX-License-Identifier: MIT
// ntpprobe: how far is the local clock off? Asks NTP servers, never sets the clock.
#include <unistd.h>

#include "base/format.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "cli_app/read_by_app.hpp"
#include "ntpprobe/chain.hpp"
#include "ntpprobe/measurement.hpp"
#include "ntpprobe/peers.hpp"
#include "ntpprobe/report.hpp"
#include "ntpprobe/settings.hpp"
#include "ntpprobe/watch.hpp"

namespace {

using namespace coord;
using namespace coord::ntpprobe;

Result<Measurement> measure_once(const Settings& s) {
  const auto names = server_names(s);
  if (!names) return names.error();
  const auto manner = manner_of(s);
  if (!manner) return manner.error();
  Prober prober(*names, s.family(), *manner);
  prober.round(s.samples_or(4));
  return evaluate(prober);
}

// One Nagios line, whatever happens: what the plugin cannot do is UNKNOWN, not a status of ours.
Result<cli::Exit> check(const Settings& s) {
  const auto m = measure_once(s);
  const CheckResult result = m ? check_report(*m, s.thresholds) : check_unknown(m.error().text());
  cli::print(result.line);
  return static_cast<cli::Exit>(result.status);
}

void report(const Measurement& m, const Settings& s) {
  if (s.json) {
    cli::print(json_report(m, s.list_samples));
  } else if (s.csv) {
    cli::print(csv_title() + csv_report(m, s.list_samples));
  } else if (s.quiet) {
    if (m.majority) cli::print(fmt::format("{}\n", signed_seconds(m.offset)));
  } else {
    const bool terminal = cli::is_terminal(STDOUT_FILENO);
    const std::size_t width = terminal ? cli::terminal_width(STDOUT_FILENO) : cli::Table::any_width;
    cli::print(text_report(m, {width, cli::wants_color(STDOUT_FILENO), s.verbose, s.list_samples}));
    if (m.majority) cli::print(fmt::format("{}\n", text_summary(m)));
  }
}

Result<cli::Exit> probe(const Settings& s) {
  if (const Status good = check_combinations(s); !good) return good.error();
  if (s.peers) return show_peers(s);
  if (s.chain) return follow_chain(s);
  if (s.watch) return watch(s);
  if (s.check) return check(s);
  const auto m = measure_once(s);
  if (!m) return m.error();
  report(*m, s);
  if (m->majority) return cli::Exit::done;
  cli::notice("ntpprobe", fmt::format("{}: {}", m->failure(),
                                      m->usable > 0 ? "ask more servers" : "see ntpprobe(1), REASONS"));
  return cli::Exit::no;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  cli::Options options("ntpprobe", "measure the local clock's offset against NTP servers");
  declare(options, settings);
  options.does([&] { return probe(settings); });
  return cli::run(argc, argv, options, cli::read_by_app);
}
