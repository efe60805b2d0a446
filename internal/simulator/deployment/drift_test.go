package deployment

import "testing"

func TestAHostIsRebuiltOrPatchedByHand(t *testing.T) {
	inContoso(t, func(w world) {
		h := w.host("fe01")
		if err := h.Files().MkdirAll(`C:\ProgramData\LyncOps\jobs`); err != nil {
			w.Fatal(err)
		}
		if err := h.SetBuild(target, false); err != nil || h.Components()[0].Version != target || !h.Files().IsDirectory(`C:\ProgramData\LyncOps\jobs`) {
			w.Errorf("patched by hand: %v, %+v", err, h.Components())
		}
		if err := h.SetBuild("5.0.8308.420", true); err != nil || h.Components()[0].Version != "5.0.8308.420" || h.Files().IsDirectory(`C:\ProgramData\LyncOps`) {
			w.Errorf("rebuilt: %v, %+v", err, h.Components())
		}
		if err := h.SetBuild("", true); err == nil {
			w.Error("no build is one")
		}
		if len(w.model.Violations()) != 0 {
			w.Errorf("it was judged: %v", w.model.Violations())
		}
	})
}
