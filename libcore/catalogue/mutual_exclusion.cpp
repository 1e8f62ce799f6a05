// The algorithms for mutual exclusion, as dsim knows them.
#include <cmath>

#include "catalogue/families.hpp"
#include "catalogue/mutex_model.hpp"
#include "catalogue/runner.hpp"
#include "protocol/mutex/ricart_agrawala.hpp"

namespace coord::catalogue {

namespace {

using mutex::Membership;

const char* const family = "mutual exclusion";
constexpr Duration resend = std::chrono::milliseconds(200);

double real(std::size_t n) {
  return static_cast<double>(n);
}
Theory exactly(Theory::Measure measure, Load load, std::string formula, double (*value)(std::size_t)) {
  return {measure, load, std::move(formula), [value](std::size_t n) { return Range{value(n), value(n)}; }};
}
Theory one_transit() {
  return exactly(Theory::Measure::hand_over, Load::together, "T",
                 [](std::size_t n) { return n > 1 ? 1.0 : 0.0; });
}

struct RicartAgrawala {
  using Site = mutex::RicartAgrawala;
  static constexpr bool never_idle = false;
  static Site make(const Membership& members, bool lossy) {
    Site::Config config;
    config.self = members.self;
    config.sites = members.sites;
    config.epoch = members.epoch;
    config.clock_start = members.floor.value / members.sites.size() + 1;
    if (members.epoch == 0) config.clock_start = 0;
    if (lossy) config.resend = resend;
    return Site(config);
  }
  static std::string_view type_of(const Site::Message& message) {
    return std::holds_alternative<Site::Request>(message) ? "request" : "reply";
  }
  static std::string describe(const Site::Message& message) {
    const std::uint64_t time = std::visit([](const auto& what) { return what.time; }, message);
    return (std::holds_alternative<Site::Request>(message) ? "request " : "reply to ") + std::to_string(time);
  }
};

Protocol ricart_agrawala() {
  Protocol p;
  p.name = "ricart-agrawala";
  p.summary = "ask everybody; the earlier timestamp first (Ricart and Agrawala 1981)";
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.insert(sim::FaultKind::process_crash);
  p.stands.lossy_links = true;
  p.rules = {"ra_request_timestamp_not_live_clock",
             "ra_tie_by_site",
             "ra_replies_are_a_set",
             "ra_defer_while_inside",
             "ra_reply_names_its_request",
             "ra_clock_exceeds_all_seen"};
  const auto messages = [](std::size_t n) { return 2 * (real(n) - 1); };
  p.theory = {exactly(Theory::Measure::messages, Load::one_by_one, "2(N-1)", messages),
              exactly(Theory::Measure::messages, Load::together, "2(N-1)", messages), one_transit()};
  return describe<MutexModel<RicartAgrawala>>(std::move(p));
}

}  // namespace

std::vector<Protocol> mutual_exclusion() {
  std::vector<Protocol> protocols = {ricart_agrawala()};
  for (Protocol& protocol : protocols) protocol.family = family;
  return protocols;
}

}  // namespace coord::catalogue
