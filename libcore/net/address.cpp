// SPDX-License-Identifier: MIT
#include "net/address.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/format.hpp"

namespace coord::net {

std::string Address::text() const {
  const bool brackets = host.find(':') != std::string::npos;
  return fmt::format("{}:{}", brackets ? fmt::format("[{}]", host) : host, port);
}

Result<Address> parse_address(std::string_view text) {
  const auto bad = [&](const char* what) -> Error {
    return {ErrorKind::usage, std::string(text), what, "write HOST:PORT, as in 10.0.0.1:7411 or [::1]:7411"};
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad("the port is missing");
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (host.find_first_of("[]") != std::string_view::npos) return bad("brackets within brackets");
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return bad("an IPv6 address needs brackets");
  }
  if (host.size() > 253) return bad("the host name is too long");
  const auto is_odd = [](unsigned char c) { return c <= ' ' || c == 0x7f; };
  if (std::ranges::any_of(host, is_odd)) return bad("the host name has a blank or a control character");
  Address address{std::string(host), 0};
  const char* end = port_text.data() + port_text.size();
  const auto parsed = std::from_chars(port_text.data(), end, address.port);
  if (port_text.empty() || parsed.ec != std::errc() || parsed.ptr != end)
    return bad("the port is no number from 0 to 65535");
  return address;
}

bool is_name_of_loopback(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower.ends_with('.')) lower.pop_back();
  return lower == "localhost" || lower.ends_with(".localhost") || lower.starts_with("localhost.") ||
         lower.starts_with("localhost4") || lower.starts_with("localhost6") || lower == "ip6-localhost" ||
         lower == "ip6-loopback";
}

bool listens_everywhere(std::string_view name, std::size_t addresses, std::size_t loopbacks) {
  return !is_name_of_loopback(name) && (loopbacks > 0 || addresses > 1);
}

}  // namespace coord::net
