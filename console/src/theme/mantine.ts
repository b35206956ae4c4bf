/** Mantine in OnCue's colours: its variables point at the tokens, so that both themes have one source. */
import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

const INK: MantineColorsTuple = [
  "#f5f6f8", "#e7e9ec", "#cdd1d8", "#aab2bc", "#868f9b", "#686f7b", "#4b525d", "#1b1f26", "#15181d", "#0c0e11",
];

export const theme = createTheme({
  colors: { ink: INK },
  primaryColor: "ink",
  primaryShade: 7,
  fontFamily: "var(--font-sans)",
  fontFamilyMonospace: "var(--font-mono)",
  fontSizes: { xs: "11px", sm: "13px", md: "13px", lg: "14px", xl: "16px" },
  lineHeights: { xs: "16px", sm: "20px", md: "20px", lg: "20px", xl: "24px" },
  spacing: { xs: "4px", sm: "8px", md: "12px", lg: "16px", xl: "24px" },
  radius: { xs: "3px", sm: "6px", md: "6px", lg: "8px", xl: "8px" },
  defaultRadius: "sm",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Modal: { defaultProps: { transitionProps: { duration: 100, transition: "fade" }, centered: false, yOffset: "10vh", closeButtonProps: { "aria-label": "Close the dialog" } } },
    Menu: { defaultProps: { transitionProps: { duration: 80 }, shadow: "none" } },
    Select: { defaultProps: { comboboxProps: { shadow: "none", transitionProps: { duration: 0 } }, size: "sm", checkIconPosition: "right" } },
    TextInput: { defaultProps: { size: "sm" } },
    Textarea: { defaultProps: { size: "sm" } },
    PasswordInput: { defaultProps: { size: "sm" } },
  },
});

const VARIABLES = {
  "--mantine-color-body": "var(--bg)",
  "--mantine-color-text": "var(--text)",
  "--mantine-color-dimmed": "var(--text-3)",
  "--mantine-color-placeholder": "var(--text-3)",
  "--mantine-color-anchor": "var(--text)",
  "--mantine-color-default": "var(--surface)",
  "--mantine-color-default-hover": "var(--hover)",
  "--mantine-color-default-color": "var(--text)",
  "--mantine-color-default-border": "var(--line-strong)",
  "--mantine-color-error": "var(--critical-text)",
  "--mantine-primary-color-filled": "var(--ink)",
  "--mantine-primary-color-filled-hover": "var(--ink)",
  "--mantine-primary-color-contrast": "var(--on-ink)",
  "--mantine-primary-color-light-hover": "var(--hover)",
  "--mantine-color-disabled": "var(--sunken)",
  "--mantine-color-disabled-color": "var(--text-3)",
};

export const resolver: CSSVariablesResolver = () => ({ variables: {}, light: VARIABLES, dark: VARIABLES });
