(* elasticity-ratio, elasticity-ratio-limit, elasticity-signs, elasticity-same-data-reversed, elasticity-separate-disjoint-fails,
   elasticity-fixed-roles, elasticity-fixed-roles-threshold (docs/theory.md, The elasticity theorem):
   D_p, D_a, D_t with volumes k, 1, l, any three distributions on M leaves, no containment. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Line.
Open Scope R_scope.

Section Three.
Variables (M : nat) (k : R) (pp pa pt : nat -> R).
Hypothesis k_pos : 0 < k.
Hypothesis unit_p : Sum M pp = 1.
Hypothesis unit_a : Sum M pa = 1.
Hypothesis unit_t : Sum M pt = 1.
Let B j := k * pp j + pa j.
Definition gamma u x := - Σ j < M, u j * ln ((k * pp j + pa j + x * pt j) / (k + 1 + x)).   (* code length of u when D_t has volume x *)
Let rate u l := slope M B pt (k + 1) u l.                       (* dγ_u/dl, by Line.Derive_code *)
Let mass l j := Q B pt l j.                                     (* k p_p + p_a + l p_t *)
Lemma leaves_at l : 0 <= l -> (forall j, (j < M)%nat -> 0 < k * pp j + pa j + l * pt j) -> leaves M B pt (k + 1) l.
Proof. intros Hl P. split; [exact P|lra]. Qed.
Lemma D_rate u l : leaves M B pt (k + 1) l -> Sum M u = 1 -> Derive (gamma u) l = rate u l.
Proof. intros L U. exact (Derive_code M B pt (k + 1) u l L U). Qed.

Lemma total l : Sum M (mass l) = k + 1 + l.
Proof.
  assert (leaf : forall j, (j < M)%nat -> mass l j = k * pp j + pa j + l * pt j) by reflexivity.
  sum M leaf as S.
  rewrite S. rewrite unit_p, unit_a, unit_t. ring.
Qed.

(* --- the exact ratio, any l --- *)
Lemma ratio l : leaves M B pt (k + 1) l -> rate pa l = - k * rate pp l - l * rate pt l.
Proof.
  intros [P W].
  assert (leaf : forall j, (j < M)%nat -> k * (pp j * pt j / mass l j) + pa j * pt j / mass l j + l * (pt j * pt j / mass l j) = pt j).
  { intros j Hj. specialize (P j Hj). unfold mass, Q, B in *. field. lra. }
  sum M leaf as S. rewrite unit_t in S.
  unfold rate, slope, overlap. unfold mass in S.
  assert (/ (k + 1 + l) * (k + 1 + l) = 1) by (field; lra). lra.
Qed.
Theorem elasticity_ratio l : 0 <= l -> (forall j, (j < M)%nat -> 0 < k * pp j + pa j + l * pt j) ->
  Derive (gamma pa) l = - k * Derive (gamma pp) l - l * Derive (gamma pt) l.
Proof. intros Hl P. rewrite !D_rate by auto using leaves_at. apply ratio, leaves_at; auto. Qed.
Theorem elasticity_signs l : 0 <= l -> (forall j, (j < M)%nat -> 0 < k * pp j + pa j + l * pt j) ->
  let o u := Σ j < M, u j * pt j / ((k * pp j + pa j + l * pt j) / (k + 1 + l)) in
  (0 < Derive (gamma pa) l <-> o pa < 1) /\ (Derive (gamma pp) l < 0 <-> 1 < o pp).
Proof.
  intros Hl P o. pose proof (leaves_at l Hl P) as L. rewrite !D_rate by auto.
  assert (E : forall u, o u = (k + 1 + l) * overlap M B pt u l).
  { intros u. unfold o, overlap. rewrite <- Sum_scal. apply Sum_ext. intros j Hj. specialize (P j Hj). unfold Q, B. field. split; lra. }
  rewrite !E. split; [apply (slope_sign M B pt (k + 1) pa l L)|apply (slope_sign M B pt (k + 1) pp l L)].
Qed.

(* --- its limit: -k, provided that dγ_p/dl is not 0 at l = 0 --- *)
Lemma ratio_limit : leaves M B pt (k + 1) 0 -> rate pp 0 <> 0 -> is_lim (fun l => rate pa l / rate pp l) 0 (- k).
Proof.
  intros L D. assert (E : rate pa 0 = - k * rate pp 0) by (rewrite ratio by auto; ring).
  replace (Finite (- k)) with (Finite (rate pa 0 / rate pp 0)) by (f_equal; rewrite E; field; auto).
  apply (is_lim_continuity (fun l => rate pa l / rate pp l)).
  assert (C : forall u, continuity_pt (rate u) 0).
  { intros u. apply derivable_continuous_pt. exists (bend M B pt (k + 1) u 0).
    apply is_derive_Reals, (derive_slope M B pt (k + 1) u 0 L). }
  apply continuity_pt_div; auto.
Qed.
Lemma ratio_gap C l : 0 <= l -> 0 <= C -> leaves M B pt (k + 1) l -> (forall j, (j < M)%nat -> 0 <= pt j) ->
  (forall j, (j < M)%nat -> pt j <= C * B j) -> 0 <= rate pa l + k * rate pp l <= l * C.
Proof.
  intros Hl HC L N A. rewrite ratio by auto.
  destruct (own_rate M B pt (k + 1) l L unit_t (total l)) as [O _]. fold (rate pt l) in O.
  split; [nra|]. destruct L as [P W].
  assert (leaf : forall j, (j < M)%nat -> l * (pt j * pt j / mass l j) <= l * (C * pt j)).
  { intros j Hj. specialize (P j Hj). specialize (N j Hj). specialize (A j Hj).
    apply Rmult_le_compat_l; auto. apply (Rmult_le_reg_r (mass l j)); [auto|].
    replace (pt j * pt j / mass l j * mass l j) with (pt j * pt j) by (unfold mass; field; lra).
    unfold mass, Q in *. assert (0 <= pt j * (C * B j - pt j)) by (apply Rmult_le_pos; lra).
    assert (0 <= C * (l * (pt j * pt j))) by (repeat apply Rmult_le_pos; auto). lra. }
  sum_le M leaf as S. rewrite unit_t in S.
  unfold rate, slope, overlap. unfold mass in S. assert (0 < / (k + 1 + l)) by (apply Rinv_0_lt_compat, W).
  assert (0 <= l * / (k + 1 + l)) by (apply Rmult_le_pos; lra). lra.
Qed.
Lemma D_near u : leaves M B pt (k + 1) 0 -> Sum M u = 1 -> Rbar_locally' 0 (fun l => rate u l = Derive (gamma u) l).
Proof.
  intros L U. pose proof (leaves_near M B pt (k + 1) 0 L) as N. revert N. unfold Rbar_locally', locally', within. apply filter_imp.
  intros l Hl _. symmetry. apply D_rate; auto.
Qed.
(* On finitely many leaves a C exists as soon as k p_p + p_a > 0 on each of them. *)
Theorem elasticity_ratio_limit C : 0 <= C -> (forall j, (j < M)%nat -> 0 < k * pp j + pa j) -> (forall j, (j < M)%nat -> 0 <= pt j) ->
  (forall j, (j < M)%nat -> pt j <= C * (k * pp j + pa j)) ->
  (forall l, 0 <= l -> 0 <= Derive (gamma pa) l + k * Derive (gamma pp) l <= l * C) /\
  is_lim (fun l => Derive (gamma pa) l + k * Derive (gamma pp) l) 0 0 /\
  (Derive (gamma pp) 0 <> 0 -> is_lim (fun l => Derive (gamma pa) l / Derive (gamma pp) l) 0 (- k)).
Proof.
  intros HC P N A.
  assert (L : forall l, 0 <= l -> leaves M B pt (k + 1) l).
  { intros l Hl. apply leaves_at; auto. intros j Hj. specialize (P j Hj). specialize (N j Hj). nra. }
  pose proof (L 0 ltac:(lra)) as L0. pose proof (D_near pa L0 unit_a) as Na. pose proof (D_near pp L0 unit_p) as Np. split; [|split].
  - intros l Hl. rewrite !D_rate by auto. apply ratio_gap; auto.
  - apply (is_lim_ext_loc (fun l => rate pa l + k * rate pp l)).
    { generalize (filter_and _ _ Na Np). apply filter_imp. intros l [-> ->]. reflexivity. }
    assert (Z : rate pa 0 + k * rate pp 0 = 0) by (rewrite ratio by auto; ring).
    assert (K : continuity_pt (fun l => rate pa l + k * rate pp l) 0).
    { apply derivable_continuous_pt. exists (bend M B pt (k + 1) pa 0 + k * bend M B pt (k + 1) pp 0).
      apply is_derive_Reals, derive_plus; [|apply derive_scal]; apply derive_slope; auto. }
    apply is_lim_continuity in K. rewrite Z in K. exact K.
  - intros D. rewrite D_rate in D by auto. apply (is_lim_ext_loc (fun l => rate pa l / rate pp l)); [|apply ratio_limit; auto].
    generalize (filter_and _ _ Na Np). apply filter_imp. intros l [-> ->]. reflexivity.
Qed.
(* so on finitely many leaves, all of which the others hold, the ratio always tends to -k *)
Theorem elasticity_ratio_limit_always : (forall j, (j < M)%nat -> 0 < k * pp j + pa j) -> (forall j, (j < M)%nat -> 0 <= pt j) ->
  is_lim (fun l => Derive (gamma pa) l + k * Derive (gamma pp) l) 0 0 /\
  (Derive (gamma pp) 0 <> 0 -> is_lim (fun l => Derive (gamma pa) l / Derive (gamma pp) l) 0 (- k)).
Proof.
  intros P N. assert (T : forall j, (j < M)%nat -> 0 <= pt j / (k * pp j + pa j)) by (intros; apply Rdiv_pos; auto).
  apply (elasticity_ratio_limit (Σ j < M, pt j / (k * pp j + pa j))); auto; [apply Sum_nonneg, T|].
  intros j Hj. pose proof (Sum_term M (fun j => pt j / (k * pp j + pa j)) j T Hj) as S. specialize (P j Hj).
  apply (Rmult_le_compat_r (k * pp j + pa j)) in S; [|lra]. replace (pt j / (k * pp j + pa j) * (k * pp j + pa j)) with (pt j) in S by (field; lra).
  exact S.
Qed.

(* unrelated data: a perturbation that shares no leaf with the others makes both worse, at the same rate 1/W (the ratio is +1) *)
Theorem elasticity_separate_disjoint_fails l : 0 <= l -> (forall j, (j < M)%nat -> 0 < k * pp j + pa j + l * pt j) ->
  ((forall j, (j < M)%nat -> pp j * pt j = 0) -> Derive (gamma pp) l = / (k + 1 + l) /\ 0 < Derive (gamma pp) l) /\
  ((forall j, (j < M)%nat -> pa j * pt j = 0) -> Derive (gamma pa) l = / (k + 1 + l)).
Proof.
  intros Hl P. rewrite !D_rate by auto using leaves_at.
  assert (E : forall u, (forall j, (j < M)%nat -> u j * pt j = 0) -> rate u l = / (k + 1 + l)).
  { intros u D. unfold rate, slope, overlap. rewrite Sum_zero; [ring|]. intros j Hj. rewrite D by auto. unfold Rdiv. ring. }
  assert (0 < / (k + 1 + l)) by pos. split; [intros D; rewrite (E pp D)|]; auto.
Qed.

(* --- fixed roles: bounds by overlaps under the pre-training data alone --- *)
Hypothesis covered : forall j, (j < M)%nat -> 0 < pp j.
Hypothesis pa_nonneg : forall j, (j < M)%nat -> 0 <= pa j.
Hypothesis pt_nonneg : forall j, (j < M)%nat -> 0 <= pt j.
Let o (x y : nat -> R) := Σ j < M, x j * y j / pp j.
Lemma leaves_covered l : 0 <= l -> leaves M B pt (k + 1) l.
Proof.
  intros Hl. split; [|lra]. intros j Hj. specialize (covered j Hj). specialize (pa_nonneg j Hj). specialize (pt_nonneg j Hj).
  unfold Q, B. nra.
Qed.
Lemma align_bound l : 0 <= l -> k * (1 - o pa pt) / ((k + 1 + l) * (k + 1 + l)) <= rate pa l.
Proof.
  intros Hl. set (W := k + 1 + l). destruct (leaves_covered l Hl) as [P _].
  assert (leaf : forall j, (j < M)%nat -> pa j * pt j / mass l j <= / (W * W) * (k * (pa j * pt j / pp j) + pt j + l * pa j)).
  { intros j Hj. specialize (P j Hj). fold (mass l j) in P. pose proof (covered j Hj). pose proof (pa_nonneg j Hj). pose proof (pt_nonneg j Hj).
    apply by_gap.
    replace (/ (W * W) * (k * (pa j * pt j / pp j) + pt j + l * pa j) - pa j * pt j / mass l j)
      with ((k * pt j * Rsqr (pa j - pp j) + k * l * pa j * Rsqr (pt j - pp j) + l * pp j * Rsqr (pa j - pt j)) / (pp j * (W * W) * mass l j)).
    - assert (0 < W) by (unfold W; lra). nonneg.
    - unfold mass, Q, B, Rsqr, W in *. field. lra. }
  sum_le M leaf as S.
  rewrite unit_t, unit_a in S. fold (o pa pt) in S. unfold rate, slope, overlap. fold W. unfold mass in S.
  replace (k * (1 - o pa pt) / (W * W)) with (/ W - / (W * W) * (k * o pa pt + 1 + l * 1)); [lra|].
  assert (0 < W) by (unfold W; lra). replace k with (W - 1 - l) by (unfold W; ring). field. lra.
Qed.
(* the tangent of 1/Q at Q = G p_p, for any G > 0 *)
Lemma pre_bound G l : 0 <= l -> 0 < G -> rate pp l <= / (k + 1 + l) - (2 * G - k - o pa pt - l * o pt pt) / (G * G).
Proof.
  intros Hl HG. destruct (leaves_covered l Hl) as [P _].
  assert (leaf : forall j, (j < M)%nat -> / (G * G) * ((2 * G - k) * pt j - pa j * pt j / pp j - l * (pt j * pt j / pp j)) <= pp j * pt j / mass l j).
  { intros j Hj. specialize (P j Hj). fold (mass l j) in P. pose proof (covered j Hj). pose proof (pt_nonneg j Hj).
    apply by_gap.
    replace (pp j * pt j / mass l j - / (G * G) * ((2 * G - k) * pt j - pa j * pt j / pp j - l * (pt j * pt j / pp j)))
      with (pt j * Rsqr (mass l j - G * pp j) / (pp j * (G * G) * mass l j)).
    - nonneg.
    - unfold mass, Q, B, Rsqr in *. field. lra. }
  sum_le M leaf as S. rewrite unit_t in S. fold (o pa pt) (o pt pt) in S.
  unfold rate, slope, overlap. unfold mass in S. unfold Rdiv. lra.
Qed.
(* bounds by two overlaps, and what they say: no containment, no average over roles *)
Theorem elasticity_fixed_roles l : 0 <= l -> let oat := o pa pt in let ott := o pt pt in let W := k + 1 + l in
  k * (1 - oat) / (W * W) <= Derive (gamma pa) l /\ Derive (gamma pp) l <= ((ott - 1) * l - (1 - oat)) / (W * (k + oat + l * ott)) /\
  (oat <= 1 -> 0 <= Derive (gamma pa) l /\ ((ott - 1) * l <= 1 - oat -> Derive (gamma pp) l <= 0)).
Proof.
  intros Hl oat ott W. rewrite !D_rate by auto using leaves_covered.
  assert (P : forall x y, (forall j, (j < M)%nat -> 0 <= x j) -> (forall j, (j < M)%nat -> 0 <= y j) -> 0 <= o x y).
  { intros x y X Y. apply Sum_nonneg. intros j Hj. pose proof (covered j Hj). pose proof (X j Hj). pose proof (Y j Hj). nonneg. }
  pose proof (P pa pt pa_nonneg pt_nonneg) as Oa. pose proof (P pt pt pt_nonneg pt_nonneg) as Ot. fold oat in Oa. fold ott in Ot.
  assert (HW : 0 < W) by (unfold W; lra). assert (Hlo : 0 <= l * ott) by (apply Rmult_le_pos; auto).
  set (G := k + oat + l * ott). assert (HG : 0 < G) by (unfold G; lra).
  pose proof (align_bound l Hl) as A. fold oat W in A. pose proof (pre_bound G l Hl HG) as B1. fold oat ott W in B1.
  replace (/ W - (2 * G - k - oat - l * ott) / (G * G)) with (((ott - 1) * l - (1 - oat)) / (W * G)) in B1.
  2: { replace (2 * G - k - oat - l * ott) with G by (unfold G; ring). unfold G, W. field. unfold G, W in *. lra. }
  split; [exact A|split; [exact B1|]]. intros O. split.
  - eapply Rle_trans; [|exact A]. apply Rdiv_pos; [apply Rmult_le_pos; lra|pos].
  - intros small. eapply Rle_trans; [exact B1|]. apply Ropp_le_cancel. rewrite Ropp_0.
    replace (- (((ott - 1) * l - (1 - oat)) / (W * G))) with ((1 - oat - (ott - 1) * l) / (W * G)) by (field; lra). apply Rdiv_pos; [lra|pos].
Qed.
End Three.

(* perturbation data like the alignment data reverses both signs *)
Theorem elasticity_same_data_reversed M k pp pa l : 0 < k -> 0 <= l -> Sum M pp = 1 -> Sum M pa = 1 ->
  (forall j, (j < M)%nat -> 0 < k * pp j + pa j + l * pa j) -> let g := gamma M k pp pa pa in
  Derive (g pa) l <= 0 /\ 0 <= Derive (g pp) l /\ k * Derive (g pp) l = - (1 + l) * Derive (g pa) l.
Proof.
  intros K Hl Up Ua P g. pose proof (leaves_at M k pp pa pa K l Hl P) as L. unfold g. rewrite !(fun u => D_rate M k pp pa pa u l L) by auto.
  set (B j := k * pp j + pa j) in *. set (rate u := slope M B pa (k + 1) u l).
  assert (R : rate pa = - k * rate pp - l * rate pa) by exact (ratio M k pp pa pa Ua l L).
  destruct (own_rate M B pa (k + 1) l L Ua (total M k pp pa pa Up Ua Ua l)) as [O _]. fold (rate pa) in O.
  assert (k * rate pp = - (1 + l) * rate pa) by lra. repeat split; auto. apply (Rmult_le_reg_l k); auto.
  change (slope M B pa (k + 1) pp l) with (rate pp). nra.
Qed.

(* the condition o_at <= 1 is needed: at l = 0, k dγ_a/dl -> 1 - o_at as k -> ∞ *)
Theorem elasticity_fixed_roles_threshold M pp pa pt : Sum M pa = 1 -> Sum M pt = 1 -> (forall j, (j < M)%nat -> 0 < pp j) ->
  (forall j, (j < M)%nat -> 0 <= pa j) -> (forall j, (j < M)%nat -> 0 <= pt j) ->
  let oat := Σ j < M, pa j * pt j / pp j in let D k := Derive (gamma M k pp pa pt pa) 0 in
  (forall k, 0 < k -> k * (1 - oat) / ((1 + k) * (1 + k)) <= D k /\
    D k <= / (1 + k) - oat / k + (Σ j < M, pa j * pa j * pt j / (pp j * pp j)) / (k * k)) /\
  is_lim (fun k => k * D k) p_infty (1 - oat).
Proof.
  intros Ua Ut P A T oat D.
  assert (E : forall k, 0 < k -> D k = slope M (fun j => k * pp j + pa j) pt (k + 1) pa 0).
  { intros k K. apply D_rate; auto. apply leaves_covered; auto. lra. }
  split.
  - intros k K. rewrite E by auto. split.
    + pose proof (align_bound M k pp pa pt K Ua Ut P A T 0 (Rle_refl 0)) as B. rewrite Rplus_0_r in B. rewrite (Rplus_comm 1 k). exact B.
    + assert (leaf : forall j, (j < M)%nat -> / k * (pa j * pt j / pp j) - / (k * k) * (pa j * pa j * pt j / (pp j * pp j)) <= pa j * pt j / Q
        (fun j => k * pp j + pa j) pt 0 j).
      { intros j Hj. specialize (P j Hj). specialize (A j Hj). specialize (T j Hj). assert (0 < k * pp j) by pos. apply by_gap. unfold Q.
        replace (_ - _) with (pa j * pt j * Rsqr (pa j) / (k * pp j * (k * pp j) * (k * pp j + pa j))) by (unfold Rsqr; field; lra).
        assert (0 < k * pp j + pa j) by lra. nonneg. }
      sum_le M leaf as S. fold oat in S. unfold slope, overlap. rewrite Rplus_0_r. unfold Rdiv in *. rewrite (Rplus_comm 1 k). lra.
  - set (F z := / (1 + z) - Σ j < M, pa j * pt j / (pp j + pa j * z)).      (* k dγ_a/dl = F (1/k), and F is continuous at 0 *)
    apply (is_lim_ext_loc (fun k => F (/ k))).
    { exists 0. intros k K. rewrite E by auto. unfold F, slope, overlap, Q. rewrite Rmult_minus_distr_l, <- Sum_scal. f_equal; [field; lra|].
      apply Sum_ext. intros j Hj. specialize (P j Hj). specialize (A j Hj). assert (0 <= pa j * / k) by (apply Rmult_le_pos; [auto|left; pos]).
      replace (k * pp j + pa j + 0 * pt j) with (k * (pp j + pa j * / k)) by (field; lra).
      set (d := pp j + pa j * / k) in *. field. split; unfold d in *; lra. }
    replace (1 - oat) with (F 0).
    2: { unfold F. f_equal; [field|]. apply Sum_ext. intros j _. f_equal. ring. }
    apply (is_lim_comp_continuous (fun k => / k) F p_infty 0).
    + apply (is_lim_inv (fun k => k) p_infty p_infty); [apply is_lim_id|discriminate].
    + apply (ex_derive_continuous F). eexists. apply derive_minus.
      * apply (is_derive_inv (fun z => 1 + z) 0 1); [auto_derive; auto; ring|lra].
      * apply (derive_Sum M (fun j z => pa j * pt j / (pp j + pa j * z)) (fun j => - (pa j * pt j * pa j) / (pp j * pp j))).
        intros j Hj. specialize (P j Hj). auto_derive; [lra|field; lra].
Qed.

(* --- in elasticity-ratio-limit the premise dγ_p/dl(0) <> 0 is needed, whatever the supports: here the ratio is +1 for every l > 0 --- *)
Section PlusOne.
Let pp j := match j with 0%nat => 1/2 | _ => 1/4 end.
Let pa j := match j with 1%nat => 1/2 | _ => 1/4 end.
Let pt j := match j with 0%nat => 1/3 | 1%nat => 4/21 | _ => 10/21 end.
Let D u l := Derive (gamma 3 10 pp pa pt u) l.
Theorem elasticity_ratio_limit_premise : D pp 0 = 0 /\ D pa 0 = 0 /\ forall l, 0 < l -> D pa l / D pp l = 1.
Proof.
  assert (E : forall u l, 0 <= l -> Sum 3 u = 1 -> D u l = slope 3 (fun j => 10 * pp j + pa j) pt (10 + 1) u l).
  { intros u l Hl U. apply D_rate; auto. apply leaves_at; try lra. intros [|[|[|j]]] Hj; try lia; unfold pp, pa, pt; lra. }
  assert (Up : Sum 3 pp = 1) by (unfold pp; cbn; field). assert (Ua : Sum 3 pa = 1) by (unfold pa; cbn; field).
  split; [|split; [|intros l Hl]]; rewrite !E by (auto; lra); unfold slope, overlap, Q, pp, pa, pt; cbn [Sum]; [field|field|].
  match goal with |- ?a / ?b = 1 => assert (H : a = b) by (field; lra); assert (N : b <> 0); [|rewrite H; exact (Rinv_r _ N)] end.
  clear H. match goal with |- ?b <> 0 => assert (H : b = 361 * l / ((11 + l) * ((4 * l + 63) * (40 * l + 231)))) by (field; lra) end.
  rewrite H. apply Rgt_not_eq, Rdiv_lt_0_compat; [lra|repeat apply Rmult_lt_0_compat; lra].
Qed.
End PlusOne.
