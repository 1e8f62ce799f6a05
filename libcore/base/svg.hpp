// SPDX-License-Identifier: MIT
// What all pictures for a page have in common: text that cannot end its element, and colours that
// colour-blind readers can tell apart (Okabe and Ito), each in a tone for light and one for dark pages.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace coord::svg {

struct Colour {
  const char *light, *dark;
};
inline constexpr std::array<Colour, 8> colours = {{{"#0072b2", "#56b4e9"},
                                                   {"#b8500b", "#ff9a57"},
                                                   {"#00805c", "#2fcf9f"},
                                                   {"#a5467f", "#ec95c8"},
                                                   {"#7a6a00", "#e5d24a"},
                                                   {"#5b52b5", "#aaa3f5"},
                                                   {"#a83232", "#ff8b8b"},
                                                   {"#4a5a68", "#a9bccb"}}};

// For the text of an element, and for a value in double quotes.
std::string escaped(std::string_view text);

// To a tenth, without a zero behind the point.
std::string number(double value);

}  // namespace coord::svg
